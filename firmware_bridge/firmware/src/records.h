/* CAN frames as they stand in RECEIVED and TRANSMIT. Pure. */
#ifndef HS_RECORDS_H
#define HS_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

/* Set in an id for a 29-bit identifier, as in linux/can.h. */
#define HS_EXTENDED 0x80000000u
#define HS_STANDARD_ID_MAX 0x7FFu
#define HS_EXTENDED_ID_MAX 0x1FFFFFFFu
#define HS_RECORDS_HEAD 4u /* time_us stands before the first record */

typedef struct {
    uint64_t at_us;
    uint32_t id;
    uint8_t length;
    uint8_t data[8];
} hs_frame;

/* Begins a list of frames whose first was heard at that time. */
void hs_records_begin(hs_packet *packet, uint64_t at_us);

/* Adds a frame that was heard at or after `before_us`; false when it does not fit any more. */
bool hs_records_add(hs_packet *packet, const hs_frame *frame, uint64_t before_us);

/* Where a reader stands in a packet. */
typedef struct {
    const hs_packet *packet;
    uint8_t at;
    uint32_t time_us;
} hs_reader;

/* Whether the whole list is well formed; then the reader stands before its first frame. */
bool hs_records_open(hs_reader *reader, const hs_packet *packet);

/* The next frame; false at the end. */
bool hs_records_next(hs_reader *reader, hs_frame *frame);

#endif
