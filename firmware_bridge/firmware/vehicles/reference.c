/* The reference car (dbc/hardshoulder_dbc/reference.dbc); a test holds this against its profile and DBC file. */
#include "config.h"

const hs_config hs_vehicle = {
    .name = "reference",
    .allowed = {{
        .id = 0x2A0,
        .length = 8,
        .mask = {0x00, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
        .payloads = {{0x00, 0x10}, {0x00, 0x20}},
        .min_gap_us = 50000,
    }},
    .allowed_count = 1,
    .request = {
        .id = 0x2A0,
        .length = 8,
        .on = {0x00, 0x10},
        .off = {0x00, 0x20},
        .counter_at = 1,
        .counter_mask = 0x0F,
        .checksum_at = 0,
        .data_id = 0x2A0,
        .period_us = 100000,
        .off_frames = 3,
    },
    /* BCM_Lamps.HazardSwitch PRESSED */
    .hazard_switch = {.id = 0x1F4, .length = 8, .start = 18, .bits = 2, .checksum_at = 0, .data_id = 0x1F4,
                      .low = 1, .high = 1},
    /* BCM_Lamps.HazardActive ACTIVE */
    .flashing = {.id = 0x1F4, .length = 8, .start = 12, .bits = 2, .checksum_at = 0, .data_id = 0x1F4,
                 .low = 1, .high = 1},
    /* ESC_Speed.VehicleSpeed, 10 km/h to the highest that is a reading */
    .speed = {.id = 0x110, .length = 8, .start = 7, .bits = 16, .big_endian = true, .checksum_at = 7,
              .data_id = 0x110, .low = 1000, .high = 65534},
    /* PCM_Drive.DriveReady READY or LIMP */
    .drive = {.id = 0x0A4, .length = 8, .start = 12, .bits = 3, .checksum_at = 0, .data_id = 0x0A4,
              .low = 1, .high = 2},
    .flash_half_us = 333000, /* 90 flashes a minute; UN Regulation No. 48 has 60 to 120 */
    .supply_floor_mv = 9000,
    .silent_after_us = 500000,
    .switch_for_us = 30000,
    .fresh_for_us = 500000,
    .drove_on_after_us = 10000000,
    .supply_low_for_us = 2000000,
};
