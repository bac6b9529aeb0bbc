/* The bridge: one link to Linux, one CAN bus, one permit, one pair of hazard lights. */
#ifndef HS_BRIDGE_H
#define HS_BRIDGE_H

#include "car.h"
#include "config.h"
#include "hazard.h"
#include "permit.h"
#include "wire.h"

#define HS_RING 128u

typedef struct {
    const hs_config *config;
    hs_decoder decoder;
    hs_permit permit;
    hs_car car;
    hs_hazard hazard;

    uint32_t session; /* 0: not linked */
    uint64_t heard_us;
    uint8_t next_command;

    uint8_t next_report;
    uint8_t credit;
    hs_frame ring[HS_RING]; /* frames that wait to be reported */
    uint8_t ring_at;
    uint8_t ring_count;

    bool status_due;
    uint64_t status_us;
    uint64_t stranger_us; /* when a heartbeat of another session may be answered again */
    uint8_t said;         /* the flags of the last status */

    uint32_t unknown; /* packets that made no sense */
    uint32_t received;
    uint32_t dropped;
    uint32_t sent;
    uint32_t refused;
} hs_bridge;

void hs_bridge_init(hs_bridge *bridge, const hs_config *config);

/* One turn: everything that came is taken, time passes, everything that is due goes out. */
void hs_bridge_turn(hs_bridge *bridge);

#endif
