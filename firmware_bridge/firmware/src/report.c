/* What is said to Linux; report.h says what. */
#include "report.h"

#include "bytes.h"
#include "hal.h"
#include "records.h"

/* Room on the line that reports leave to what is more urgent: a status and a few acks. */
#define RESERVE 64u
/* So many of the longest records fit a packet: no use in waiting for more. */
#define FULL 16u
#define NAME_AT 20u
#define NAME_MAX 32u

static const uint8_t HASH[HS_HASH_BYTES] = HS_PROTOCOL_HASH;
static const uint8_t FIRMWARE[3] = {0, 1, 0};

/* Puts a packet on the line when there is room for it and `reserve` bytes more. */
static bool say(const hs_packet *packet, size_t reserve)
{
    uint8_t line[HS_ENCODED_MAX + 1u];
    if (hs_hal_uart_room() < (size_t)packet->length + 8u + reserve) {
        return false;
    }
    hs_hal_uart_write(line, hs_encode(packet, line));
    return true;
}

static uint16_t capped(uint32_t count)
{
    return (uint16_t)(count < 0xFFFFu ? count : 0xFFFFu);
}

static uint8_t add_text(hs_packet *packet, uint8_t at, const char *text)
{
    while (*text != '\0' && at < NAME_AT + NAME_MAX) {
        packet->payload[at++] = (uint8_t)*text++;
    }
    return at;
}

void hs_say_welcome(const hs_bridge *bridge, uint32_t session, bool refused)
{
    hs_packet packet;
    packet.kind = HS_WELCOME;
    packet.number = 0;
    packet.payload[0] = HS_PROTOCOL_VERSION;
    packet.payload[1] = refused ? 1u : 0u;
    hs_put32(packet.payload + 2, session);
    for (uint8_t i = 0; i < HS_HASH_BYTES; i++) {
        packet.payload[6u + i] = HASH[i];
    }
    for (uint8_t i = 0; i < 3u; i++) {
        packet.payload[14u + i] = FIRMWARE[i];
    }
    packet.payload[17] = HS_COMMAND_WINDOW;
    hs_put16(packet.payload + 18, (uint16_t)(bridge->config->silent_after_us / 1000u));
    uint8_t at = add_text(&packet, NAME_AT, hs_hal_board());
    at = add_text(&packet, at, "/");
    packet.length = add_text(&packet, at, bridge->config->name);
    (void)say(&packet, 0);
}

void hs_say_ack(const hs_bridge *bridge, uint8_t number, hs_verdict verdict)
{
    hs_packet packet;
    packet.kind = HS_ACK;
    packet.number = 0;
    packet.length = 3;
    packet.payload[0] = bridge->next_command;
    packet.payload[1] = number;
    packet.payload[2] = (uint8_t)verdict;
    (void)say(&packet, 0);
}

static uint8_t seen(const hs_bridge *bridge, uint64_t now_us)
{
    const hs_lights lights = bridge->hazard.lights;
    unsigned flags = 0;
    flags |= lights != HS_OFF ? HS_SEEN_HAZARDS_ON : 0u;
    flags |= lights == HS_HELD ? HS_SEEN_HELD : 0u;
    flags |= hs_car_switch_down(&bridge->car, now_us) ? HS_SEEN_SWITCH : 0u;
    flags |= hs_car_flashing(&bridge->car, now_us) ? HS_SEEN_FLASHING : 0u;
    flags |= hs_permit_is_open(&bridge->permit, now_us) ? HS_SEEN_PERMIT_OPEN : 0u;
    return (uint8_t)flags;
}

void hs_say_status(hs_bridge *bridge, uint64_t now_us)
{
    hs_packet packet;
    packet.kind = HS_STATUS;
    packet.number = 0;
    packet.length = 34;
    hs_put32(packet.payload, bridge->session);
    packet.payload[4] = seen(bridge, now_us);
    packet.payload[5] = (uint8_t)bridge->hazard.end;
    packet.payload[6] = bridge->next_report;
    packet.payload[7] = bridge->next_command;
    hs_put16(packet.payload + 8, hs_hal_supply_mv());
    hs_put32(packet.payload + 10, (uint32_t)(now_us / 1000u));
    hs_put32(packet.payload + 14, bridge->received);
    hs_put32(packet.payload + 18, bridge->dropped + hs_hal_can_overruns());
    hs_put32(packet.payload + 22, bridge->sent);
    hs_put16(packet.payload + 26, capped(bridge->refused));
    hs_put16(packet.payload + 28, capped(bridge->decoder.crc_errors));
    hs_put16(packet.payload + 30, capped(bridge->decoder.malformed + bridge->decoder.overlong + bridge->unknown));
    hs_put16(packet.payload + 32, capped(hs_hal_uart_overruns()));
    if (say(&packet, 0)) {
        bridge->said = packet.payload[4] & (HS_SEEN_HAZARDS_ON | HS_SEEN_HELD);
        bridge->status_us = now_us;
        bridge->status_due = false;
    }
}

void hs_report_queue(hs_bridge *bridge, const hs_frame *frame)
{
    if (bridge->ring_count == HS_RING) {
        bridge->ring_at = (uint8_t)((bridge->ring_at + 1u) % HS_RING);
        bridge->ring_count--;
        bridge->dropped++;
    }
    bridge->ring[(bridge->ring_at + bridge->ring_count) % HS_RING] = *frame;
    bridge->ring_count++;
}

/* As many of the oldest frames as one packet takes; how many these are. */
static uint8_t collect(const hs_bridge *bridge, hs_packet *packet)
{
    uint8_t count = 0;
    uint64_t before_us = bridge->ring[bridge->ring_at].at_us;
    packet->kind = HS_RECEIVED;
    packet->number = bridge->next_report;
    hs_records_begin(packet, before_us);
    while (count < bridge->ring_count) {
        const hs_frame *frame = &bridge->ring[(bridge->ring_at + count) % HS_RING];
        if (!hs_records_add(packet, frame, before_us)) {
            break;
        }
        before_us = frame->at_us;
        count++;
    }
    return count;
}

static bool report_due(const hs_bridge *bridge, uint64_t now_us)
{
    const uint8_t credit = (uint8_t)(bridge->credit - bridge->next_report);
    if (bridge->session == 0u || bridge->ring_count == 0u || credit == 0u || credit > 128u) {
        return false;
    }
    return bridge->ring_count >= FULL || now_us - bridge->ring[bridge->ring_at].at_us >= HS_REPORT_WAITS_US;
}

void hs_report_send(hs_bridge *bridge, uint64_t now_us)
{
    hs_packet packet;
    if (bridge->session == 0u) {
        return;
    }
    const uint8_t changed = (uint8_t)((seen(bridge, now_us) & (HS_SEEN_HAZARDS_ON | HS_SEEN_HELD)) ^ bridge->said);
    if (bridge->status_due || changed != 0u || now_us - bridge->status_us >= HS_STATUS_EVERY_US) {
        hs_say_status(bridge, now_us);
    }
    while (report_due(bridge, now_us)) {
        const uint8_t count = collect(bridge, &packet);
        if (!say(&packet, RESERVE)) {
            return;
        }
        bridge->ring_at = (uint8_t)((bridge->ring_at + count) % HS_RING);
        bridge->ring_count = (uint8_t)(bridge->ring_count - count);
        bridge->next_report++;
    }
}
