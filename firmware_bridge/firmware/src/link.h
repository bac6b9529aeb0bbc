/* The link to Linux: what its packets do. Part of the bridge. */
#ifndef HS_LINK_H
#define HS_LINK_H

#include "bridge.h"

/* Takes a packet from Linux. */
void hs_link_take(hs_bridge *bridge, const hs_packet *packet, uint64_t now_us);

/* Nobody is linked any more. */
void hs_link_lost(hs_bridge *bridge, uint64_t now_us);

#endif
