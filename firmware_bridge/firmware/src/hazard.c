/* The hazard lights, and the dead-man; hazard.h says what for. */
#include "hazard.h"

#include "field.h"

void hs_hazard_init(hs_hazard *hazard, const hs_config *config)
{
    hazard->config = config;
    hazard->lights = HS_OFF;
    hazard->end = HS_END_NEVER;
    hazard->incident = hazard->wanted_here = hazard->lit = false;
    hazard->lease_until_us = hazard->asked_us = hazard->flash_us = hazard->request_us = 0;
    hazard->count = 0;
    hazard->offs_left = 0;
}

static void go_off(hs_hazard *hazard, hs_end why)
{
    /* Whoever sent the requests takes them back: Linux its own, we ours. */
    if (hazard->lights == HS_HELD && why != HS_END_RELEASED) {
        hazard->offs_left = hazard->config->request.off_frames;
    }
    hazard->lights = HS_OFF;
    hazard->end = why;
    hazard->lit = false;
}

void hs_hazard_heartbeat(hs_hazard *hazard, uint8_t wants, uint64_t lease_until_us)
{
    hazard->incident = (wants & HS_WANTS_INCIDENT) != 0;
    if ((wants & HS_WANTS_HAZARDS) != 0) {
        hazard->wanted_here = true;
        hazard->lease_until_us = lease_until_us;
        const bool confirmed = hazard->lights == HS_ASKED && (wants & HS_WANTS_CONFIRMED) != 0;
        if (confirmed || hazard->lights == HS_HELD) {
            hazard->lights = HS_CONFIRMED;
        }
    } else if (hazard->wanted_here) {
        hazard->wanted_here = false;
        if (hazard->lights != HS_OFF) {
            go_off(hazard, HS_END_RELEASED);
        }
    }
}

void hs_hazard_lamp(hs_hazard *hazard, bool on, uint64_t lease_until_us, uint64_t now_us)
{
    hazard->wanted_here = on;
    if (!on) {
        if (hazard->lights != HS_OFF) {
            go_off(hazard, HS_END_RELEASED);
        }
        return;
    }
    hazard->lease_until_us = lease_until_us;
    if (hazard->lights == HS_OFF) {
        hazard->lights = HS_ASKED;
        hazard->asked_us = hazard->flash_us = now_us;
        hazard->offs_left = 0;
    } else if (hazard->lights == HS_HELD) {
        hazard->lights = HS_CONFIRMED;
    }
}

void hs_hazard_abandoned(hs_hazard *hazard, hs_car *car, uint64_t now_us)
{
    hazard->wanted_here = false;
    if (hazard->lights == HS_CONFIRMED && hazard->incident) {
        hazard->lights = HS_HELD;
        hazard->request_us = now_us;
        hs_car_begin(car, now_us);
    } else if (hazard->lights == HS_ASKED || hazard->lights == HS_CONFIRMED) {
        go_off(hazard, HS_END_SILENT);
    }
}

void hs_hazard_passed(hs_hazard *hazard, const hs_frame *frame)
{
    const hs_request *request = &hazard->config->request;
    if (request->length != 0u && frame->id == request->id && request->counter_mask != 0u) {
        hazard->count = (uint8_t)(frame->data[request->counter_at] + 1u);
    }
}

static void hold(hs_hazard *hazard, hs_car *car, uint64_t now_us)
{
    if (hs_car_take_press(car)) {
        go_off(hazard, HS_END_SWITCH);
    } else if (hs_car_drove_on(car, now_us)) {
        go_off(hazard, HS_END_DROVE_ON);
    } else if (hs_car_supply_low(car, now_us)) {
        go_off(hazard, HS_END_SUPPLY);
    }
}

static void flash(hs_hazard *hazard, uint64_t now_us)
{
    const uint32_t half_us = hazard->config->flash_half_us;
    if (half_us == 0u) {
        hazard->lit = true;
    } else if (now_us >= hazard->flash_us) {
        hazard->lit = !hazard->lit;
        hazard->flash_us = now_us + half_us;
    }
}

void hs_hazard_step(hs_hazard *hazard, hs_car *car, uint64_t now_us)
{
    if (hazard->lights != HS_OFF && now_us >= hazard->lease_until_us) {
        go_off(hazard, HS_END_LEASE);
    }
    if (hazard->lights == HS_ASKED && hs_car_flashing(car, now_us) && car->flashing.at_us >= hazard->asked_us) {
        hazard->lights = HS_CONFIRMED;
    }
    if (hazard->lights == HS_HELD) {
        hold(hazard, car, now_us);
    }
    if (hazard->lights != HS_OFF) {
        flash(hazard, now_us);
    }
}

static void fill(hs_hazard *hazard, hs_frame *frame, const uint8_t *payload)
{
    const hs_request *request = &hazard->config->request;
    frame->id = request->id;
    frame->length = request->length;
    for (uint8_t i = 0; i < request->length; i++) {
        frame->data[i] = payload[i];
    }
    if (request->counter_mask != 0u) {
        uint8_t *counter = &frame->data[request->counter_at];
        *counter = (uint8_t)((*counter & (uint8_t)~request->counter_mask) | (hazard->count & request->counter_mask));
        hazard->count++;
    }
    if (request->checksum_at != HS_NO_CHECKSUM) {
        frame->data[request->checksum_at] =
            hs_checksum(frame->data, request->length, request->checksum_at, request->data_id);
    }
}

bool hs_hazard_due(hs_hazard *hazard, hs_frame *frame, uint64_t now_us)
{
    const hs_request *request = &hazard->config->request;
    const bool held = hazard->lights == HS_HELD;
    if (request->length == 0u || now_us < hazard->request_us || !(held || hazard->offs_left > 0u)) {
        return false;
    }
    if (!held) {
        hazard->offs_left--;
    }
    fill(hazard, frame, held ? request->on : request->off);
    frame->at_us = now_us;
    hazard->request_us = now_us + request->period_us;
    return true;
}
