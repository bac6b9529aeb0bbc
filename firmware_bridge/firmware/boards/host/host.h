/* The bridge inside a program of ours: time, line, bus and pins are what the caller says. For tests and the fuzzer. */
#ifndef HS_HOST_H
#define HS_HOST_H

#include "bridge.h"

#define HOST_LINE 65536u
#define HOST_FRAMES 4096u

/* A new board at time 0: nothing heard, switch up, 12 V, room everywhere. */
void host_reset(void);

/* One turn at that time, which is not before the last. */
void host_turn(uint64_t now_us);

/* Bytes from Linux for the next turns; false when they find no room. */
bool host_uart_in(const uint8_t *bytes, size_t length);

/* Takes what was said to Linux, at most `most` bytes; how many. */
size_t host_uart_out(uint8_t *bytes, size_t most);

/* So many bytes the line takes until it is emptied; at most HOST_LINE. */
void host_uart_limit(size_t limit);

/* A frame on the bus for the next turn; false when it finds no room. */
bool host_can_in(uint32_t id, uint8_t length, const uint8_t *data);

/* The oldest frame that the board sent; false when there is none. */
bool host_can_out(uint32_t *id, uint8_t *length, uint8_t *data);

/* Whether the controller takes frames. */
void host_can_takes(bool takes);

void host_switch(bool down);
void host_supply(uint16_t millivolts);
bool host_lamp(void);
const hs_bridge *host_bridge(void);
hs_lights host_lights(void);
hs_end host_end(void);

/* The codec alone: a decoder that lives on between calls; packets come out as kind, number, length, payload. */
void host_decoder_reset(void);
size_t host_decode(const uint8_t *bytes, size_t length, uint8_t *packets, size_t most);
void host_decoder_faults(uint32_t faults[3]); /* overlong, malformed, crc errors */
size_t host_encode(uint8_t kind, uint8_t number, const uint8_t *payload, uint8_t length, uint8_t *line);

/* The records of a payload as 17 bytes each (time 4, id 4, length 1, data 8); -1 when it is malformed. */
int host_records(const uint8_t *payload, uint8_t length, uint8_t *records);

/* The permit alone: a fresh one, open for ever or closed, and one frame. */
int host_permit(bool open, uint32_t id, uint8_t length, const uint8_t *data);

#endif
