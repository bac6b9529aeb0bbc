/* From reset to main: memory as C expects it, and the vector table. */
#include "board.h"

extern uint32_t data_source[], data_begin[], data_end[], bss_begin[], bss_end[], stack_top[];

void reset(void) __attribute__((noreturn));
static void stuck(void) __attribute__((noreturn));

/* A fault, or an interrupt that nobody asked for: the watchdog of a product board would take it from here. */
static void stuck(void)
{
    for (;;) {
    }
}

void reset(void)
{
    const uint32_t *from = data_source;
    for (uint32_t *to = data_begin; to != data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_begin; to != bss_end;) {
        *to++ = 0;
    }
    board_main();
}

typedef void (*handler)(void);

/* ARMv7-M Architecture Reference Manual, B1.5.3; peripherals: LM3S6965 data sheet, "Interrupts". */
static const struct {
    uint32_t *stack; /* cppcheck-suppress unusedStructMember ; the processor reads both */
    handler handlers[22]; /* cppcheck-suppress unusedStructMember */
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    {
        reset, stuck, stuck, stuck, stuck, stuck, 0, 0, 0, 0, stuck, stuck, 0, stuck,
        board_tick, /* SysTick */
        stuck, stuck, stuck, stuck, stuck, /* GPIO A to E */
        board_uart0, board_uart1,
    },
};
