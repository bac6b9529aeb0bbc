/* The link to Linux; link.h says what it does. */
#include "link.h"

#include "bytes.h"
#include "hal.h"
#include "records.h"
#include "report.h"

#define HELLO_BYTES 14u
#define HEARTBEAT_BYTES 10u
#define TO_BOARD_PAYLOAD_MAX 58u

static const uint8_t HASH[HS_HASH_BYTES] = HS_PROTOCOL_HASH;

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
    hs_say_welcome(bridge, session, refused);
    bridge->status_due = !refused;
}

static void take_heartbeat(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us)
{
    if (bridge->session == 0u || hs_get32(packet->payload) != bridge->session) {
        if (now_us >= bridge->stranger_us) {
            const uint32_t session = bridge->session;
            bridge->stranger_us = now_us + HS_STATUS_EVERY_US;
            bridge->session = 0;
            hs_say_status(bridge, now_us);
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
    hs_verdict verdict = HS_NOT_DONE;
    if (bridge->session == 0u) {
        return;
    }
    if (packet->number == bridge->next_command) {
        verdict = packet->kind == HS_LAMP ? do_lamp(bridge, packet, now_us) : do_transmit(bridge, packet, now_us);
        bridge->next_command++;
        bridge->unknown += verdict == HS_MALFORMED ? 1u : 0u;
    }
    hs_say_ack(bridge, packet->number, verdict);
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

