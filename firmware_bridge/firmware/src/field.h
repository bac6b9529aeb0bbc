/* Fields and checksums of CAN payloads. Pure.
 *
 * Source: CRC-8/SAE-J1850 as in AUTOSAR "Specification of CRC Routines" (polynomial 0x1D, start and
 * final XOR 0xFF; check value 0x4B over "123456789"). */
#ifndef HS_FIELD_H
#define HS_FIELD_H

#include "config.h"
#include "records.h"

/* The raw number of the signal; the frame is long enough. */
uint32_t hs_raw(const hs_frame *frame, const hs_signal *signal);

/* The checksum that a payload has to carry in byte `at`. */
uint8_t hs_checksum(const uint8_t *data, uint8_t length, uint8_t at, uint16_t data_id);

#endif
