/* The board's parts for each other. */
#ifndef HS_BOARD_H
#define HS_BOARD_H

#include <stdint.h>

/* Runs the bridge for ever. */
void board_main(void) __attribute__((noreturn));

/* Interrupts: a millisecond has passed; bytes have come on UART0 or UART1. */
void board_tick(void);
void board_uart0(void);
void board_uart1(void);

#endif
