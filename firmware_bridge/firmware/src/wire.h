/* Packets to bytes and back: COBS frames with a CRC. Pure: no clock, no device.
 *
 * Sources: COBS as in Cheshire and Baker, "Consistent Overhead Byte Stuffing" (SIGCOMM 1997);
 * CRC-32/ISO-HDLC, check value 0xCBF43926 over "123456789". */
#ifndef HS_WIRE_H
#define HS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

typedef struct {
    uint8_t kind;
    uint8_t number;
    uint8_t length; /* bytes of payload */
    uint8_t payload[HS_PAYLOAD_MAX];
} hs_packet;

typedef struct {
    uint8_t held[HS_ENCODED_MAX];
    uint8_t length;
    bool skipping;
    uint32_t overlong;
    uint32_t malformed;
    uint32_t crc_errors;
} hs_decoder;

uint32_t hs_crc32(const uint8_t *data, size_t length);

/* Writes the packet with the zero that ends it; returns the bytes written, at most HS_ENCODED_MAX + 1. */
size_t hs_encode(const hs_packet *packet, uint8_t *line);

void hs_decoder_init(hs_decoder *decoder);

/* Takes one byte of the line; true when it completes a packet, which is then in `packet`. */
bool hs_decode(hs_decoder *decoder, uint8_t byte, hs_packet *packet);

#endif
