/* The link to Linux: what its packets do, and what is said to it. Part of the bridge. */
#ifndef HS_LINK_H
#define HS_LINK_H

#include "bridge.h"

/* Takes a packet from Linux. */
void hs_link_take(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us);

/* A frame from the bus waits to be reported. */
void hs_link_queue(hs_bridge *bridge, const hs_frame *frame);

/* Sends what is due: reports as far as credit and line allow, and the status. */
void hs_link_send(hs_bridge *bridge, uint64_t now_us);

/* Nobody is linked any more. */
void hs_link_lost(hs_bridge *bridge, uint64_t now_us);

#endif
