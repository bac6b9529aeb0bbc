/* Hostile input for a bounded time: `fuzz SECONDS SEED`, built under sanitizers.
 *
 * Streams of valid packets, broken ones and noise, random frames from the bus, random pins, time in leaps. What has
 * to hold whatever comes: only listed frames reach the bus, and no lamp is lit while the hazards are off. Prints how
 * much it did. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../boards/host/host.h"
#include "bytes.h"

static uint64_t state;

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint32_t chance(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void noise(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)chance(256);
    }
}

/* A payload that is right at least in its size, and often in more. */
static uint8_t likely(uint8_t kind, uint8_t *payload)
{
    static const uint8_t hash[HS_HASH_BYTES] = HS_PROTOCOL_HASH;
    noise(payload, 58);
    if (kind == HS_HELLO) {
        payload[0] = HS_PROTOCOL_VERSION;
        payload[1] = 64;
        hs_put32(payload + 2, chance(3));
        for (uint8_t i = 0; i < HS_HASH_BYTES; i++) {
            payload[6 + i] = chance(50) ? hash[i] : (uint8_t)chance(256);
        }
        return 14;
    }
    if (kind == HS_HEARTBEAT) {
        hs_put32(payload, host_bridge()->session);
        payload[4] = (uint8_t)chance(8);
        payload[5] = (uint8_t)(host_bridge()->next_report + chance(70));
        return 10;
    }
    if (kind == HS_LAMP) {
        payload[0] = 0;
        payload[1] = (uint8_t)chance(2);
        return 2;
    }
    if (kind == HS_TRANSMIT) {
        hs_put32(payload, 0);
        payload[4] = (uint8_t)(chance(4) ? 8u : chance(256));
        hs_put16(payload + 5, 0);
        hs_put16(payload + 7, chance(4) ? 0x2A0 : (uint16_t)chance(0x900));
        payload[10] = (uint8_t)((chance(4) << 4) | chance(16));
        for (uint8_t i = 11; i < 17 && chance(8); i++) {
            payload[i] = 0;
        }
        return 17;
    }
    return (uint8_t)chance(59);
}

static void from_linux(void)
{
    static const uint8_t kinds[] = {HS_HELLO,  HS_HEARTBEAT, HS_HEARTBEAT, HS_HEARTBEAT,
                                    HS_CREDIT, HS_TRANSMIT,  HS_TRANSMIT,  HS_LAMP};
    uint8_t payload[HS_PAYLOAD_MAX];
    uint8_t line[HS_ENCODED_MAX + 1u];
    const uint8_t kind = chance(20) ? kinds[chance(sizeof kinds)] : (uint8_t)chance(256);
    const uint8_t length = likely(kind, payload);
    size_t size = host_encode(kind, chance(4) ? host_bridge()->next_command : (uint8_t)chance(256), payload,
                              kind == HS_CREDIT ? 1u : length, line);
    if (chance(10) == 0u) {
        line[chance((uint32_t)size)] = (uint8_t)chance(256);
    }
    if (chance(20) == 0u) {
        size = 1u + chance((uint32_t)size);
    }
    if (chance(30) == 0u) {
        size = 1u + chance(sizeof line);
        noise(line, size);
    }
    (void)host_uart_in(line, size);
}

static void from_bus(void)
{
    static const uint32_t ids[] = {0x1F4, 0x110, 0x0A4, 0x2A0, 0x7FF, 0x98FEF100u};
    uint8_t data[8];
    noise(data, sizeof data);
    (void)host_can_in(ids[chance(6)], (uint8_t)chance(9), data);
}

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

static unsigned long look(void)
{
    uint32_t id = 0;
    uint8_t length = 0;
    uint8_t data[8];
    unsigned long sent = 0;
    for (; host_can_out(&id, &length, data); sent++) {
        demand(id == 0x2A0 && length == 8, "a frame that is on no list reached the bus");
        demand((data[1] >> 4) == 1 || (data[1] >> 4) == 2, "a request that is on no list reached the bus");
        for (uint8_t i = 2; i < 8; i++) {
            demand(data[i] == 0, "a fixed bit was changed");
        }
    }
    demand(!host_lamp() || host_lights() != HS_OFF, "a lamp is lit while the hazards are off");
    return sent;
}

int main(int count, char **words)
{
    static uint8_t out[HOST_LINE];
    uint64_t now_us = 0;
    unsigned long turns = 0, sent = 0, held = 0;
    const time_t end = time(NULL) + (count > 1 ? atoi(words[1]) : 20);
    state = 0x9E3779B97F4A7C15u ^ (uint64_t)(count > 2 ? atoi(words[2]) : 1);
    host_reset();
    while ((turns & 1023u) != 0u || time(NULL) < end) {
        for (uint32_t i = chance(4); i > 0u; i--) {
            from_linux();
        }
        for (uint32_t i = chance(chance(50) ? 3 : 200); i > 0u; i--) {
            from_bus();
        }
        host_switch(chance(200) == 0u);
        host_supply((uint16_t)(chance(100) ? 12000u : chance(65536)));
        host_can_takes(chance(20) != 0u);
        host_uart_limit(chance(10) ? HOST_LINE : chance(600));
        now_us += chance(50) ? chance(5000) : chance(3000000);
        host_turn(now_us);
        (void)host_uart_out(out, chance(3) ? sizeof out : chance(300));
        held += host_lights() == HS_HELD ? 1u : 0u;
        sent += look();
        turns++;
    }
    demand(sent > 0u && held > 0u, "it never came to a frame or to a hold: this fuzzer tests nothing");
    (void)printf("%lu turns, %lu frames sent, %lu turns held\n", turns, sent, held);
    return 0;
}
