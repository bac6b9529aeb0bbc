/* A second serial line in place of a CAN controller, for boards that have none: frames go over it in the packets of
 * the bridge itself, RECEIVED towards the board and TRANSMIT from it (docs/PROTOCOL.md), without meeting or acks. */
#ifndef HS_CAN_LINE_H
#define HS_CAN_LINE_H

#include "records.h"

#define CAN_LINE_FRAMES 64u

typedef struct {
    hs_decoder decoder;
    hs_frame frames[CAN_LINE_FRAMES];
    uint8_t at;
    uint8_t count;
    uint32_t overruns;
    uint8_t number;
} can_line;

void can_line_init(can_line *line);

/* Takes a byte; its frames are stamped with the time at which their packet was complete. */
void can_line_byte(can_line *line, uint8_t byte, uint64_t now_us);

/* The next frame that came; false when none waits. */
bool can_line_next(can_line *line, hs_frame *frame);

/* The frame as bytes for the line, at most HS_ENCODED_MAX + 1; how many. */
size_t can_line_pack(can_line *line, const hs_frame *frame, uint8_t *bytes);

#endif
