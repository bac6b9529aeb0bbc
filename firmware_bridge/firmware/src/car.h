/* What the board sees of the car by itself: hazard switch, flashing lights, driving on, supply. */
#ifndef HS_CAR_H
#define HS_CAR_H

#include "config.h"
#include "records.h"

/* The last believed word about one signal. */
typedef struct {
    bool seen;
    uint32_t raw;
    uint64_t at_us;
} hs_sight;

typedef struct {
    const hs_config *config;
    hs_sight hazard_switch;
    hs_sight flashing;
    hs_sight speed;
    hs_sight drive;
    bool pressed; /* an edge since it was last taken */
    bool pin_level;
    bool pin_stable;
    uint64_t pin_since_us;
    bool driving;
    uint64_t driving_since_us;
    bool supply_low;
    uint64_t supply_low_since_us;
} hs_car;

void hs_car_init(hs_car *car, const hs_config *config);

/* A frame came from the bus. */
void hs_car_hear(hs_car *car, const hs_frame *frame);

/* Looks at the pins. */
void hs_car_look(hs_car *car, bool switch_down, uint16_t supply_mv, uint64_t now_us);

/* Whether the switch was pressed since the last call. */
bool hs_car_take_press(hs_car *car);

bool hs_car_switch_down(const hs_car *car, uint64_t now_us);
bool hs_car_flashing(const hs_car *car, uint64_t now_us);
bool hs_car_drove_on(const hs_car *car, uint64_t now_us);
bool hs_car_supply_low(const hs_car *car, uint64_t now_us);

/* Counts driving on, and presses, from now. */
void hs_car_begin(hs_car *car, uint64_t now_us);

#endif
