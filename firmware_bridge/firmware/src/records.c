/* CAN frames as they stand in RECEIVED and TRANSMIT; records.h says how. */
#include "records.h"

#include "bytes.h"

#define HEAD_EXTENDED 0x80u
#define HEAD_RESERVED 0x70u
#define HEAD_LENGTH 0x0Fu
#define ID_AT 3u

static uint8_t id_bytes(uint8_t head)
{
    return (head & HEAD_EXTENDED) ? 4u : 2u;
}

void hs_records_begin(hs_packet *packet, uint64_t at_us)
{
    hs_put32(packet->payload, (uint32_t)at_us);
    packet->length = HS_RECORDS_HEAD;
}

bool hs_records_add(hs_packet *packet, const hs_frame *frame, uint64_t before_us)
{
    const bool extended = (frame->id & HS_EXTENDED) != 0u;
    const uint8_t head = (uint8_t)((extended ? HEAD_EXTENDED : 0u) | frame->length);
    const uint8_t data_at = (uint8_t)(ID_AT + id_bytes(head));
    const uint64_t delta_us = frame->at_us - before_us;
    if (delta_us > 0xFFFFu || (size_t)packet->length + data_at + frame->length > HS_PAYLOAD_MAX) {
        return false;
    }
    uint8_t *at = packet->payload + packet->length;
    at[0] = head;
    hs_put16(at + 1, (uint16_t)delta_us);
    if (extended) {
        hs_put32(at + ID_AT, frame->id & HS_EXTENDED_ID_MAX);
    } else {
        hs_put16(at + ID_AT, (uint16_t)frame->id);
    }
    for (uint8_t i = 0; i < frame->length; i++) {
        at[data_at + i] = frame->data[i];
    }
    packet->length = (uint8_t)(packet->length + data_at + frame->length);
    return true;
}

/* Reads one record; false when it is cut off or out of range. */
static bool read_record(hs_reader *reader, hs_frame *frame)
{
    const uint8_t *at = reader->packet->payload + reader->at;
    const size_t left = (size_t)(reader->packet->length - reader->at);
    if (left < ID_AT || (at[0] & HEAD_RESERVED) != 0u || (at[0] & HEAD_LENGTH) > 8u) {
        return false;
    }
    const uint8_t data_at = (uint8_t)(ID_AT + id_bytes(at[0]));
    frame->length = (uint8_t)(at[0] & HEAD_LENGTH);
    if (left < (size_t)data_at + frame->length) {
        return false;
    }
    const bool extended = (at[0] & HEAD_EXTENDED) != 0u;
    const uint32_t id = extended ? hs_get32(at + ID_AT) : hs_get16(at + ID_AT);
    if (id > (extended ? HS_EXTENDED_ID_MAX : HS_STANDARD_ID_MAX)) {
        return false;
    }
    reader->time_us += hs_get16(at + 1);
    frame->at_us = reader->time_us;
    frame->id = id | (extended ? HS_EXTENDED : 0u);
    for (uint8_t i = 0; i < frame->length; i++) {
        frame->data[i] = at[data_at + i];
    }
    reader->at = (uint8_t)(reader->at + data_at + frame->length);
    return true;
}

static void rewind_reader(hs_reader *reader)
{
    reader->at = HS_RECORDS_HEAD;
    reader->time_us = hs_get32(reader->packet->payload);
}

bool hs_records_open(hs_reader *reader, const hs_packet *packet)
{
    hs_frame frame;
    if (packet->length <= HS_RECORDS_HEAD) {
        return false;
    }
    reader->packet = packet;
    rewind_reader(reader);
    while (reader->at < packet->length) {
        if (!read_record(reader, &frame)) {
            return false;
        }
    }
    rewind_reader(reader);
    return true;
}

bool hs_records_next(hs_reader *reader, hs_frame *frame)
{
    return reader->at < reader->packet->length && read_record(reader, frame);
}
