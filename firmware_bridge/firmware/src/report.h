/* What is said to Linux: answers, the status, and the frames of the bus. Part of the bridge. */
#ifndef HS_REPORT_H
#define HS_REPORT_H

#include "bridge.h"

/* Answers a greeting. */
void hs_say_welcome(const hs_bridge *bridge, uint32_t session, bool refused);

/* Answers a command. */
void hs_say_ack(const hs_bridge *bridge, uint8_t number, hs_verdict verdict);

void hs_say_status(hs_bridge *bridge, uint64_t now_us);

/* A frame from the bus waits to be reported. */
void hs_report_queue(hs_bridge *bridge, const hs_frame *frame);

/* Sends what is due: the status, and reports as far as credit and line allow. */
void hs_report_send(hs_bridge *bridge, uint64_t now_us);

#endif
