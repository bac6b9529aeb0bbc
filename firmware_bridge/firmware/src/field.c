/* Fields and checksums of CAN payloads; field.h says how. */
#include "field.h"

uint32_t hs_raw(const hs_frame *frame, const hs_signal *signal)
{
    uint32_t raw = 0;
    uint8_t at = signal->start;
    for (uint8_t i = 0; i < signal->bits; i++) {
        const uint32_t bit = (uint32_t)(frame->data[at / 8u] >> (at % 8u)) & 1u;
        if (signal->big_endian) {
            /* Motorola: from the highest bit down, then on from bit 7 of the next byte. */
            raw = (raw << 1) | bit;
            at = (uint8_t)(at % 8u == 0u ? at + 15u : at - 1u);
        } else {
            raw |= bit << i;
            at++;
        }
    }
    return raw;
}

static uint8_t crc8_step(uint8_t crc, uint8_t byte)
{
    crc = (uint8_t)(crc ^ byte);
    for (uint8_t i = 0; i < 8u; i++) {
        crc = (uint8_t)((crc & 0x80u) ? (uint8_t)(crc << 1) ^ 0x1Du : (uint8_t)(crc << 1));
    }
    return crc;
}

uint8_t hs_checksum(const uint8_t *data, uint8_t length, uint8_t at, uint16_t data_id)
{
    uint8_t crc = crc8_step(0xFFu, (uint8_t)data_id);
    crc = crc8_step(crc, (uint8_t)(data_id >> 8));
    for (uint8_t i = 0; i < length; i++) {
        if (i != at) {
            crc = crc8_step(crc, data[i]);
        }
    }
    return (uint8_t)(crc ^ 0xFFu);
}
