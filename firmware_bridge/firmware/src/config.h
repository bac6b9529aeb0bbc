/* What a vehicle's firmware is built for: what may be sent, what the car says, how long is too long. */
#ifndef HS_CONFIG_H
#define HS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define HS_ALLOWED_MAX 4u
#define HS_NO_CHECKSUM 0xFFu

/* A frame that may pass. Payload bits that are one in `mask` equal those of the first or the second payload. */
typedef struct {
    uint32_t id;
    uint8_t length;
    uint8_t mask[8];
    uint8_t payloads[2][8];
    uint32_t min_gap_us;
} hs_allowed;

/* A signal of the car, and the raw numbers from `low` to `high` that mean yes. length 0: the car does not say.
 * start, bits, big_endian: as in a DBC file. checksum_at: the byte with CRC-8/SAE-J1850 over the data id
 * (low byte, high byte) and every other byte of the payload; HS_NO_CHECKSUM: it has none. */
typedef struct {
    uint32_t id;
    uint8_t length;
    uint8_t start;
    uint8_t bits;
    bool big_endian;
    uint8_t checksum_at;
    uint16_t data_id;
    uint32_t low;
    uint32_t high;
} hs_signal;

/* The car's hazard request, for the board to send while it is alone. The counter begins at bit 0 of its byte;
 * counter_mask 0: it has none. */
typedef struct {
    uint32_t id;
    uint8_t length;
    uint8_t on[8];
    uint8_t off[8];
    uint8_t counter_at;
    uint8_t counter_mask;
    uint8_t checksum_at;
    uint16_t data_id;
    uint32_t period_us;
    uint8_t off_frames;
} hs_request;

typedef struct {
    const char *name; /* at most 16 letters */
    hs_allowed allowed[HS_ALLOWED_MAX];
    uint8_t allowed_count;
    hs_request request; /* length 0: the lamp output is all there is */
    hs_signal hazard_switch;
    hs_signal flashing;
    hs_signal speed;
    hs_signal drive;
    uint32_t flash_half_us; /* lit and dark for so long each; 0: steady, a relay makes the rhythm */
    uint16_t supply_floor_mv;
    uint32_t silent_after_us;
    uint32_t switch_for_us;
    uint32_t fresh_for_us;
    uint32_t drove_on_after_us;
    uint32_t supply_low_for_us;
} hs_config;

/* The vehicle that this firmware is built for. */
extern const hs_config hs_vehicle;

#endif
