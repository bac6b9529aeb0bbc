/* The bridge inside a program of ours; host.h says for whom. */
#include "host.h"

#include "bytes.h"
#include "hal.h"

/* A queue of bytes; what is read is moved away, which is slow and simple. */
typedef struct {
    uint8_t bytes[HOST_LINE];
    size_t length;
} line;

static line from_linux, to_linux;
static hs_frame heard[HOST_FRAMES], sent[HOST_FRAMES];
static size_t heard_count, sent_count;
static size_t uart_limit;
static bool can_takes, switch_down, lamp_lit;
static uint16_t supply_mv;
static uint64_t now_us;
static hs_bridge bridge;
static hs_decoder decoder;

static void copy(uint8_t *to, const uint8_t *from, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        to[i] = from[i];
    }
}

static bool put(line *queue, const uint8_t *bytes, size_t length)
{
    if (queue->length + length > HOST_LINE) {
        return false;
    }
    copy(queue->bytes + queue->length, bytes, length);
    queue->length += length;
    return true;
}

static size_t take(line *queue, uint8_t *bytes, size_t most)
{
    const size_t length = queue->length < most ? queue->length : most;
    copy(bytes, queue->bytes, length);
    copy(queue->bytes, queue->bytes + length, queue->length - length);
    queue->length -= length;
    return length;
}

static bool take_frame(hs_frame *frames, size_t *count, hs_frame *frame)
{
    if (*count == 0u) {
        return false;
    }
    *frame = frames[0];
    (*count)--;
    for (size_t i = 0; i < *count; i++) {
        frames[i] = frames[i + 1u];
    }
    return true;
}

void host_reset(void)
{
    from_linux.length = to_linux.length = heard_count = sent_count = 0;
    uart_limit = HOST_LINE;
    can_takes = true;
    switch_down = lamp_lit = false;
    supply_mv = 12000;
    now_us = 0;
    hs_bridge_init(&bridge, &hs_vehicle);
}

void host_turn(uint64_t at_us)
{
    now_us = at_us;
    hs_bridge_turn(&bridge);
}

bool host_uart_in(const uint8_t *bytes, size_t length)
{
    return put(&from_linux, bytes, length);
}

size_t host_uart_out(uint8_t *bytes, size_t most)
{
    return take(&to_linux, bytes, most);
}

void host_uart_limit(size_t limit)
{
    uart_limit = limit;
}

bool host_can_in(uint32_t id, uint8_t length, const uint8_t *data)
{
    if (heard_count == HOST_FRAMES || length > 8u) {
        return false;
    }
    heard[heard_count].id = id;
    heard[heard_count].length = length;
    copy(heard[heard_count++].data, data, length);
    return true;
}

bool host_can_out(uint32_t *id, uint8_t *length, uint8_t *data)
{
    hs_frame frame;
    if (!take_frame(sent, &sent_count, &frame)) {
        return false;
    }
    *id = frame.id;
    *length = frame.length;
    copy(data, frame.data, frame.length);
    return true;
}

void host_can_takes(bool takes)
{
    can_takes = takes;
}

void host_switch(bool down)
{
    switch_down = down;
}

void host_supply(uint16_t millivolts)
{
    supply_mv = millivolts;
}

bool host_lamp(void)
{
    return lamp_lit;
}

const hs_bridge *host_bridge(void)
{
    return &bridge;
}

hs_lights host_lights(void)
{
    return bridge.hazard.lights;
}

hs_end host_end(void)
{
    return bridge.hazard.end;
}

void host_decoder_reset(void)
{
    hs_decoder_init(&decoder);
}

size_t host_decode(const uint8_t *bytes, size_t length, uint8_t *packets, size_t most)
{
    hs_packet packet;
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        if (hs_decode(&decoder, bytes[i], &packet) && out + 3u + packet.length <= most) {
            packets[out] = packet.kind;
            packets[out + 1u] = packet.number;
            packets[out + 2u] = packet.length;
            copy(packets + out + 3u, packet.payload, packet.length);
            out += 3u + packet.length;
        }
    }
    return out;
}

void host_decoder_faults(uint32_t faults[3])
{
    faults[0] = decoder.overlong;
    faults[1] = decoder.malformed;
    faults[2] = decoder.crc_errors;
}

size_t host_encode(uint8_t kind, uint8_t number, const uint8_t *payload, uint8_t length, uint8_t *encoded)
{
    hs_packet packet;
    packet.kind = kind;
    packet.number = number;
    packet.length = length;
    copy(packet.payload, payload, length);
    return hs_encode(&packet, encoded);
}

int host_records(const uint8_t *payload, uint8_t length, uint8_t *records)
{
    hs_packet packet;
    hs_reader reader;
    hs_frame frame;
    int count = 0;
    packet.kind = HS_RECEIVED;
    packet.number = 0;
    packet.length = length;
    copy(packet.payload, payload, length);
    if (!hs_records_open(&reader, &packet)) {
        return -1;
    }
    for (; hs_records_next(&reader, &frame); count++) {
        uint8_t *at = records + 17 * count;
        hs_put32(at, (uint32_t)frame.at_us);
        hs_put32(at + 4, frame.id);
        at[8] = frame.length;
        copy(at + 9, frame.data, frame.length);
    }
    return count;
}

int host_permit(bool open, uint32_t id, uint8_t length, const uint8_t *data)
{
    hs_permit permit;
    hs_frame frame;
    hs_permit_init(&permit, &hs_vehicle);
    permit.open_until_us = open ? UINT64_MAX : 0u;
    frame.at_us = 0;
    frame.id = id;
    frame.length = length;
    copy(frame.data, data, length);
    return hs_permit_check(&permit, &frame, 0);
}

/* What the board gives the bridge. */

const char *hs_hal_board(void)
{
    return "host";
}

uint64_t hs_hal_now_us(void)
{
    return now_us;
}

size_t hs_hal_uart_read(uint8_t *bytes, size_t most)
{
    return take(&from_linux, bytes, most);
}

size_t hs_hal_uart_room(void)
{
    return to_linux.length < uart_limit ? uart_limit - to_linux.length : 0u;
}

void hs_hal_uart_write(const uint8_t *bytes, size_t length)
{
    (void)put(&to_linux, bytes, length);
}

uint32_t hs_hal_uart_overruns(void)
{
    return 0;
}

bool hs_hal_can_receive(hs_frame *frame)
{
    const bool any = take_frame(heard, &heard_count, frame);
    frame->at_us = now_us;
    return any;
}

uint32_t hs_hal_can_overruns(void)
{
    return 0;
}

bool hs_hal_can_send(const hs_frame *frame)
{
    if (!can_takes || sent_count == HOST_FRAMES) {
        return false;
    }
    sent[sent_count++] = *frame;
    return true;
}

void hs_hal_lamp(bool lit)
{
    lamp_lit = lit;
}

bool hs_hal_switch(void)
{
    return switch_down;
}

uint16_t hs_hal_supply_mv(void)
{
    return supply_mv;
}
