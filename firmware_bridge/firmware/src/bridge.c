/* The bridge: one turn after the other; bridge.h says of what. */
#include "bridge.h"

#include "hal.h"
#include "link.h"
#include "report.h"

#define BYTES_AT_ONCE 256u
#define FRAMES_AT_ONCE 64u

void hs_bridge_init(hs_bridge *bridge, const hs_config *config)
{
    bridge->config = config;
    hs_decoder_init(&bridge->decoder);
    hs_permit_init(&bridge->permit, config);
    hs_car_init(&bridge->car, config);
    hs_hazard_init(&bridge->hazard, config);
    bridge->session = 0;
    bridge->heard_us = bridge->status_us = bridge->stranger_us = 0;
    bridge->next_command = bridge->next_report = bridge->credit = 0;
    bridge->ring_at = bridge->ring_count = 0;
    bridge->status_due = false;
    bridge->said = 0;
    bridge->unknown = bridge->received = bridge->dropped = bridge->sent = bridge->refused = 0;
}

static void take_bytes(hs_bridge *bridge)
{
    uint8_t bytes[BYTES_AT_ONCE];
    hs_packet packet;
    const size_t length = hs_hal_uart_read(bytes, sizeof bytes);
    for (size_t i = 0; i < length; i++) {
        if (hs_decode(&bridge->decoder, bytes[i], &packet)) {
            hs_link_take(bridge, &packet, hs_hal_now_us());
        }
    }
}

static void take_frames(hs_bridge *bridge)
{
    hs_frame frame;
    for (uint8_t i = 0; i < FRAMES_AT_ONCE && hs_hal_can_receive(&frame); i++) {
        bridge->received++;
        hs_car_hear(&bridge->car, &frame);
        if (bridge->session != 0u) {
            hs_report_queue(bridge, &frame);
        }
    }
}

/* The board's own request, while it is alone with the hazard lights. */
static void request(hs_bridge *bridge, uint64_t now_us)
{
    hs_frame frame;
    if (hs_hazard_due(&bridge->hazard, &frame, now_us) &&
        hs_permit_listed(&bridge->permit, &frame, now_us) == HS_DONE && hs_hal_can_send(&frame)) {
        bridge->sent++;
    }
}

void hs_bridge_turn(hs_bridge *bridge)
{
    take_frames(bridge);
    take_bytes(bridge);
    const uint64_t now_us = hs_hal_now_us();
    hs_car_look(&bridge->car, hs_hal_switch(), hs_hal_supply_mv(), now_us);
    if (bridge->session != 0u && now_us - bridge->heard_us >= bridge->config->silent_after_us) {
        hs_link_lost(bridge, now_us);
    }
    hs_hazard_step(&bridge->hazard, &bridge->car, now_us);
    hs_hal_lamp(bridge->hazard.lit);
    request(bridge, now_us);
    hs_report_send(bridge, now_us);
}
