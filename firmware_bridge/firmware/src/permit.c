/* The board's own last gate before the bus; permit.h says how. */
#include "permit.h"

void hs_permit_init(hs_permit *permit, const hs_config *config)
{
    permit->config = config;
    permit->open_until_us = 0;
    for (uint8_t i = 0; i < HS_ALLOWED_MAX; i++) {
        permit->sent[i] = false;
        permit->sent_us[i] = 0;
    }
}

bool hs_permit_is_open(const hs_permit *permit, uint64_t now_us)
{
    return now_us < permit->open_until_us;
}

static bool same_bits(const hs_allowed *entry, const uint8_t *payload, const hs_frame *frame)
{
    for (uint8_t i = 0; i < entry->length; i++) {
        if (((payload[i] ^ frame->data[i]) & entry->mask[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* The place of this frame's entry in the list; as long as the list when there is none. */
static uint8_t place_of(const hs_permit *permit, const hs_frame *frame)
{
    uint8_t i = 0;
    while (i < permit->config->allowed_count && permit->config->allowed[i].id != frame->id) {
        i++;
    }
    return i;
}

static hs_verdict judge(hs_permit *permit, uint8_t i, const hs_frame *frame, uint64_t now_us)
{
    const hs_allowed *entry = &permit->config->allowed[i];
    if (frame->length != entry->length) {
        return HS_WRONG_LENGTH;
    }
    if (!same_bits(entry, entry->payloads[0], frame) && !same_bits(entry, entry->payloads[1], frame)) {
        return HS_WRONG_BITS;
    }
    if (permit->sent[i] && now_us - permit->sent_us[i] < entry->min_gap_us) {
        return HS_TOO_FAST;
    }
    permit->sent[i] = true;
    permit->sent_us[i] = now_us;
    return HS_DONE;
}

hs_verdict hs_permit_listed(hs_permit *permit, const hs_frame *frame, uint64_t now_us)
{
    const uint8_t i = place_of(permit, frame);
    return i == permit->config->allowed_count ? HS_NOT_LISTED : judge(permit, i, frame, now_us);
}

hs_verdict hs_permit_check(hs_permit *permit, const hs_frame *frame, uint64_t now_us)
{
    const uint8_t i = place_of(permit, frame);
    if (i == permit->config->allowed_count) {
        return HS_NOT_LISTED;
    }
    return hs_permit_is_open(permit, now_us) ? judge(permit, i, frame, now_us) : HS_CLOSED;
}
