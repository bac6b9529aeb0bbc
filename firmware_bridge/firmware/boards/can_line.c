/* A second serial line in place of a CAN controller; can_line.h says how. */
#include "can_line.h"

void can_line_init(can_line *line)
{
    hs_decoder_init(&line->decoder);
    line->at = line->count = line->number = 0;
    line->overruns = 0;
}

static void keep(can_line *line, const hs_frame *frame)
{
    if (line->count == CAN_LINE_FRAMES) {
        line->overruns++;
        return;
    }
    line->frames[(line->at + line->count) % CAN_LINE_FRAMES] = *frame;
    line->count++;
}

void can_line_byte(can_line *line, uint8_t byte, uint64_t now_us)
{
    hs_packet packet;
    hs_reader reader;
    hs_frame frame;
    if (!hs_decode(&line->decoder, byte, &packet) || packet.kind != HS_RECEIVED || !hs_records_open(&reader, &packet)) {
        return;
    }
    while (hs_records_next(&reader, &frame)) {
        frame.at_us = now_us;
        keep(line, &frame);
    }
}

bool can_line_next(can_line *line, hs_frame *frame)
{
    if (line->count == 0u) {
        return false;
    }
    *frame = line->frames[line->at];
    line->at = (uint8_t)((line->at + 1u) % CAN_LINE_FRAMES);
    line->count--;
    return true;
}

size_t can_line_pack(can_line *line, const hs_frame *frame, uint8_t *bytes)
{
    hs_packet packet;
    packet.kind = HS_TRANSMIT;
    packet.number = line->number++;
    hs_records_begin(&packet, 0);
    (void)hs_records_add(&packet, frame, frame->at_us);
    return hs_encode(&packet, bytes);
}
