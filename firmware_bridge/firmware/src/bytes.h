/* Numbers in packets: unsigned, little-endian. */
#ifndef HS_BYTES_H
#define HS_BYTES_H

#include <stdint.h>

static inline uint16_t hs_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (uint16_t)((uint16_t)at[1] << 8));
}

static inline uint32_t hs_get32(const uint8_t *at)
{
    return (uint32_t)hs_get16(at) | ((uint32_t)hs_get16(at + 2) << 16);
}

static inline void hs_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void hs_put32(uint8_t *at, uint32_t value)
{
    hs_put16(at, (uint16_t)value);
    hs_put16(at + 2, (uint16_t)(value >> 16));
}

#endif
