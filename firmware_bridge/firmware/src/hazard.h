/* The hazard lights, and the dead-man: what goes on when Linux falls silent.
 *
 * The table of docs/PROTOCOL.md, "Hazards", is all of it. Only lights that were seen to flash outlive their
 * master, and only the driver, the car itself, the supply, the lease or a word from Linux ends them then. */
#ifndef HS_HAZARD_H
#define HS_HAZARD_H

#include "car.h"
#include "config.h"
#include "permit.h"

typedef enum { HS_OFF, HS_ASKED, HS_CONFIRMED, HS_HELD } hs_lights;

typedef struct {
    const hs_config *config;
    hs_lights lights;
    hs_end end;
    bool incident;    /* Linux said so last */
    bool wanted_here; /* this session wanted them */
    uint64_t lease_until_us;
    uint64_t asked_us;
    bool lit;
    uint64_t flash_us; /* when the output changes next */
    uint8_t count;     /* the next request's counter */
    uint8_t offs_left;
    uint64_t request_us; /* when the next request of ours is due */
} hs_hazard;

void hs_hazard_init(hs_hazard *hazard, const hs_config *config);

/* A heartbeat: flags of enum hs_wants, and how long hazards may be kept. */
void hs_hazard_heartbeat(hs_hazard *hazard, uint8_t wants, uint64_t lease_until_us);

/* LAMP; the permit has allowed it. */
void hs_hazard_lamp(hs_hazard *hazard, bool on, uint64_t lease_until_us, uint64_t now_us);

/* Linux fell silent, or another sender greeted in its place. */
void hs_hazard_abandoned(hs_hazard *hazard, hs_car *car, uint64_t now_us);

/* A frame of Linux went out: the counter goes on from there. */
void hs_hazard_passed(hs_hazard *hazard, const hs_frame *frame);

/* Lets time pass, and judges what is seen of the car. */
void hs_hazard_step(hs_hazard *hazard, hs_car *car, uint64_t now_us);

/* The request that has to go out now; false when none has. */
bool hs_hazard_due(hs_hazard *hazard, hs_frame *frame, uint64_t now_us);

#endif
