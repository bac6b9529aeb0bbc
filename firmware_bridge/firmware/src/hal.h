/* What a board gives the bridge; each board has one file that does. Nothing here waits. */
#ifndef HS_HAL_H
#define HS_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"

/* The board's name, at most 15 letters. */
const char *hs_hal_board(void);

/* Microseconds since the start; never runs backwards. */
uint64_t hs_hal_now_us(void);

/* Up to `most` bytes that came from Linux; how many there are. */
size_t hs_hal_uart_read(uint8_t *bytes, size_t most);

/* Bytes that uart_write takes now. */
size_t hs_hal_uart_room(void);
void hs_hal_uart_write(const uint8_t *bytes, size_t length);

/* Bytes from Linux that found no room, since the start. */
uint32_t hs_hal_uart_overruns(void);

/* The next CAN frame heard, with the time at which it was; false when none waits. Own frames are not among them. */
bool hs_hal_can_receive(hs_frame *frame);

/* Frames that found no room, since the start. */
uint32_t hs_hal_can_overruns(void);

/* Hands the frame to the controller; false when it does not take it now. */
bool hs_hal_can_send(const hs_frame *frame);

/* The output that makes the hazard lights glow. */
void hs_hal_lamp(bool lit);

/* Whether the hazard switch is down; always false where the car tells over CAN. */
bool hs_hal_switch(void);

/* The supply in millivolts; HS_UNKNOWN_MV where it is not measured. */
uint16_t hs_hal_supply_mv(void);

#endif
