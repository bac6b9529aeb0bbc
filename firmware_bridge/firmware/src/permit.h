/* The board's own last gate before the bus: a compiled list, a cap on the rate, a lease. It knows no hazards. */
#ifndef HS_PERMIT_H
#define HS_PERMIT_H

#include "config.h"
#include "records.h"

typedef struct {
    const hs_config *config;
    uint64_t open_until_us;
    bool sent[HS_ALLOWED_MAX];
    uint64_t sent_us[HS_ALLOWED_MAX];
} hs_permit;

/* Closed. */
void hs_permit_init(hs_permit *permit, const hs_config *config);

bool hs_permit_is_open(const hs_permit *permit, uint64_t now_us);

/* HS_DONE when the frame is on the list and not too soon, and then it counts; for frames of the board's own. */
hs_verdict hs_permit_listed(hs_permit *permit, const hs_frame *frame, uint64_t now_us);

/* The same for a frame of Linux, which also needs an open lease. */
hs_verdict hs_permit_check(hs_permit *permit, const hs_frame *frame, uint64_t now_us);

#endif
