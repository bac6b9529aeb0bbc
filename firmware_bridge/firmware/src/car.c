/* What the board sees of the car by itself; car.h says what. */
#include "car.h"

#include "field.h"

static void forget(hs_sight *sight)
{
    sight->seen = false;
    sight->raw = 0;
    sight->at_us = 0;
}

void hs_car_init(hs_car *car, const hs_config *config)
{
    car->config = config;
    forget(&car->hazard_switch);
    forget(&car->flashing);
    forget(&car->speed);
    forget(&car->drive);
    car->pressed = car->pin_level = car->driving = car->supply_low = false;
    /* A pin that is down from the start has to come up before it can be pressed. */
    car->pin_stable = true;
    car->pin_since_us = car->driving_since_us = car->supply_low_since_us = 0;
}

static bool believed(const hs_frame *frame, const hs_signal *signal)
{
    if (signal->length == 0u || frame->id != signal->id || frame->length != signal->length) {
        return false;
    }
    const uint8_t at = signal->checksum_at;
    return at == HS_NO_CHECKSUM || frame->data[at] == hs_checksum(frame->data, frame->length, at, signal->data_id);
}

static bool hear(hs_sight *sight, const hs_signal *signal, const hs_frame *frame)
{
    if (!believed(frame, signal)) {
        return false;
    }
    sight->seen = true;
    sight->raw = hs_raw(frame, signal);
    sight->at_us = frame->at_us;
    return true;
}

static bool fresh(const hs_car *car, const hs_sight *sight, uint64_t now_us)
{
    return sight->seen && now_us - sight->at_us < car->config->fresh_for_us;
}

static bool holds(const hs_car *car, const hs_sight *sight, const hs_signal *signal, uint64_t now_us)
{
    return fresh(car, sight, now_us) && sight->raw >= signal->low && sight->raw <= signal->high;
}

static void look_at_driving(hs_car *car, uint64_t now_us)
{
    const hs_config *config = car->config;
    const bool drives =
        holds(car, &car->speed, &config->speed, now_us) && holds(car, &car->drive, &config->drive, now_us);
    if (drives && !car->driving) {
        car->driving_since_us = now_us;
    }
    car->driving = drives;
}

void hs_car_hear(hs_car *car, const hs_frame *frame)
{
    const hs_config *config = car->config;
    const hs_sight before = car->hazard_switch;
    if (hear(&car->hazard_switch, &config->hazard_switch, frame)) {
        /* Only from a word that said "released" is it an edge: not from silence, and not from "no reading". */
        const bool was_up = fresh(car, &before, frame->at_us) && before.raw == 0u;
        car->pressed = car->pressed ||
                       (was_up && holds(car, &car->hazard_switch, &config->hazard_switch, frame->at_us));
    }
    (void)hear(&car->flashing, &config->flashing, frame);
    (void)hear(&car->speed, &config->speed, frame);
    (void)hear(&car->drive, &config->drive, frame);
    /* Here and not only with the clock: one word that it stands breaks the row, however soon the next comes. */
    look_at_driving(car, frame->at_us);
}

static void look_at_pin(hs_car *car, bool down, uint64_t now_us)
{
    if (down != car->pin_level) {
        car->pin_level = down;
        car->pin_since_us = now_us;
    }
    if (down != car->pin_stable && now_us - car->pin_since_us >= car->config->switch_for_us) {
        car->pin_stable = down;
        car->pressed = car->pressed || down;
    }
}

void hs_car_look(hs_car *car, bool switch_down, uint16_t supply_mv, uint64_t now_us)
{
    look_at_pin(car, switch_down, now_us);
    look_at_driving(car, now_us);
    const bool low = supply_mv != HS_UNKNOWN_MV && supply_mv < car->config->supply_floor_mv;
    if (low && !car->supply_low) {
        car->supply_low_since_us = now_us;
    }
    car->supply_low = low;
}

bool hs_car_take_press(hs_car *car)
{
    const bool pressed = car->pressed;
    car->pressed = false;
    return pressed;
}

bool hs_car_switch_down(const hs_car *car, uint64_t now_us)
{
    return car->pin_level || holds(car, &car->hazard_switch, &car->config->hazard_switch, now_us);
}

bool hs_car_flashing(const hs_car *car, uint64_t now_us)
{
    return holds(car, &car->flashing, &car->config->flashing, now_us);
}

bool hs_car_drove_on(const hs_car *car, uint64_t now_us)
{
    return car->driving && now_us - car->driving_since_us >= car->config->drove_on_after_us;
}

bool hs_car_supply_low(const hs_car *car, uint64_t now_us)
{
    return car->supply_low && now_us - car->supply_low_since_us >= car->config->supply_low_for_us;
}

void hs_car_begin(hs_car *car, uint64_t now_us)
{
    car->driving_since_us = now_us;
    car->pressed = false;
}
