/* The link to Linux; link.h says what it does. */
#include "link.h"

#include "bytes.h"
#include "hal.h"
#include "records.h"

#define HELLO_BYTES 14u
#define HEARTBEAT_BYTES 10u
#define TO_BOARD_PAYLOAD_MAX 58u
/* Room on the line that reports leave to what is more urgent: a status and a few acks. */
#define RESERVE 64u
/* So many of the longest records fit a packet: no use in waiting for more. */
#define FULL 16u

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

/* Until when, for a heartbeat's lease. */
static uint64_t lease_end(uint32_t lease_ms, uint64_t now_us)
{
    return lease_ms == HS_NO_END_MS ? UINT64_MAX : now_us + (uint64_t)lease_ms * 1000u;
}

void hs_link_lost(hs_bridge *bridge, uint64_t now_us)
{
    bridge->session = 0;
    bridge->permit.open_until_us = 0;
    bridge->ring_count = 0;
    hs_hazard_abandoned(&bridge->hazard, &bridge->car, now_us);
}

static uint8_t add_text(hs_packet *packet, uint8_t at, const char *text)
{
    while (*text != '\0' && at < 20u + 32u) {
        packet->payload[at++] = (uint8_t)*text++;
    }
    return at;
}

static void welcome(const hs_bridge *bridge, uint32_t session, bool refused)
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
    uint8_t at = add_text(&packet, 20u, hs_hal_board());
    at = add_text(&packet, at, "/");
    packet.length = add_text(&packet, at, bridge->config->name);
    (void)say(&packet, 0);
}

static bool same_protocol(const hs_packet *packet)
{
    bool same = packet->payload[0] == HS_PROTOCOL_VERSION;
    for (uint8_t i = 0; i < HS_HASH_BYTES; i++) {
        same = same && packet->payload[6u + i] == HASH[i];
    }
    return same;
}

/* A greeting ends whatever session was before; hazards that nobody speaks for any more are the dead-man's. */
static void take_hello(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    const uint32_t session = hs_get32(packet->payload + 2);
    const bool refused = session == 0u || !same_protocol(packet);
    if (bridge->session != 0u && bridge->session != session) {
        hs_link_lost(bridge, now_us);
    }
    if (!refused) {
        bridge->session = session;
        bridge->heard_us = now_us;
        bridge->next_command = bridge->next_report = 0;
        bridge->credit = packet->payload[1];
        bridge->ring_count = 0;
    }
    welcome(bridge, session, refused);
    bridge->status_due = !refused;
}

static void say_status(hs_bridge *bridge, uint64_t now_us);

static void take_heartbeat(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    if (bridge->session == 0u || hs_get32(packet->payload) != bridge->session) {
        if (now_us >= bridge->stranger_us) {
            const uint32_t session = bridge->session;
            bridge->stranger_us = now_us + HS_STATUS_EVERY_US;
            bridge->session = 0;
            say_status(bridge, now_us);
            bridge->session = session;
        }
        return;
    }
    const uint64_t until_us = lease_end(hs_get32(packet->payload + 6), now_us);
    bridge->heard_us = now_us;
    bridge->credit = packet->payload[5];
    bridge->permit.open_until_us = until_us;
    hs_hazard_heartbeat(&bridge->hazard, packet->payload[4], until_us);
}

static hs_verdict do_lamp(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    if (packet->length != 2u || packet->payload[0] != 0u || packet->payload[1] > 1u) {
        return HS_MALFORMED;
    }
    const bool on = packet->payload[1] == 1u;
    if (on && !hs_permit_is_open(&bridge->permit, now_us)) {
        return HS_CLOSED;
    }
    hs_hazard_lamp(&bridge->hazard, on, bridge->permit.open_until_us, now_us);
    return HS_DONE;
}

static hs_verdict pass(hs_bridge *bridge, const hs_frame *frame, uint64_t now_us)
{
    const hs_verdict verdict = hs_permit_check(&bridge->permit, frame, now_us);
    if (verdict != HS_DONE) {
        return verdict;
    }
    if (!hs_hal_can_send(frame)) {
        return HS_BUSY;
    }
    bridge->sent++;
    hs_hazard_passed(&bridge->hazard, frame);
    return HS_DONE;
}

static hs_verdict do_transmit(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    hs_reader reader;
    hs_frame frame;
    hs_verdict first = HS_DONE;
    if (packet->length > TO_BOARD_PAYLOAD_MAX || !hs_records_open(&reader, packet)) {
        return HS_MALFORMED;
    }
    while (hs_records_next(&reader, &frame)) {
        const hs_verdict verdict = pass(bridge, &frame, now_us);
        bridge->refused += verdict == HS_DONE ? 0u : 1u;
        first = first == HS_DONE ? verdict : first;
    }
    return first;
}

static void take_command(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    hs_packet ack;
    hs_verdict verdict = HS_NOT_DONE;
    if (bridge->session == 0u) {
        return;
    }
    if (packet->number == bridge->next_command) {
        verdict = packet->kind == HS_LAMP ? do_lamp(bridge, packet, now_us) : do_transmit(bridge, packet, now_us);
        bridge->next_command++;
        bridge->unknown += verdict == HS_MALFORMED ? 1u : 0u;
    }
    ack.kind = HS_ACK;
    ack.number = 0;
    ack.length = 3;
    ack.payload[0] = bridge->next_command;
    ack.payload[1] = packet->number;
    ack.payload[2] = (uint8_t)verdict;
    (void)say(&ack, 0);
}

void hs_link_take(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    if (packet->kind == HS_HELLO && packet->length == HELLO_BYTES) {
        take_hello(bridge, packet, now_us);
    } else if (packet->kind == HS_HEARTBEAT && packet->length == HEARTBEAT_BYTES) {
        take_heartbeat(bridge, packet, now_us);
    } else if (packet->kind == HS_CREDIT && packet->length == 1u) {
        bridge->credit = packet->payload[0];
    } else if (packet->kind == HS_TRANSMIT || packet->kind == HS_LAMP) {
        take_command(bridge, packet, now_us);
    } else {
        bridge->unknown++;
    }
}

void hs_link_queue(hs_bridge *bridge, const hs_frame *frame)
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

static void say_status(hs_bridge *bridge, uint64_t now_us)
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

void hs_link_send(hs_bridge *bridge, uint64_t now_us)
{
    hs_packet packet;
    if (bridge->session == 0u) {
        return;
    }
    const uint8_t changed = (uint8_t)((seen(bridge, now_us) & (HS_SEEN_HAZARDS_ON | HS_SEEN_HELD)) ^ bridge->said);
    if (bridge->status_due || changed != 0u || now_us - bridge->status_us >= HS_STATUS_EVERY_US) {
        say_status(bridge, now_us);
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
