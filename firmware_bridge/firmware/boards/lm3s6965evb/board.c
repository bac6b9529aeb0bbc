/* Stellaris LM3S6965 evaluation board: UART0 is the line to Linux, UART1 stands for the CAN controller that the chip
 * has not got (boards/can_line.h), the status LED (PF0) for the lamp output, the select button (PF1, low when down) for
 * the hazard switch, and ADC input 0 behind a divider by 8 measures the supply. */
#include "board.h"

#include "bridge.h"
#include "can_line.h"
#include "hal.h"
#include "registers.h"

#define CLOCK_HZ 50000000u
#define TICKS_OF_MS (CLOCK_HZ / 1000u)
#define LAMP 0x01u
#define SWITCH 0x02u
#define RX_BYTES 1024u /* the whole window of commands, and heartbeats, twice */
#define TX_BYTES 1024u
#define ADC_FULL_MV 3000u
#define DIVIDER 8u

/* Filled by an interrupt and emptied by the loop: each index has one writer. */
typedef struct {
    uint8_t bytes[RX_BYTES];
    volatile uint32_t in;
    volatile uint32_t out;
    volatile uint32_t overruns;
} receiver;

static receiver from_linux, from_bus;
static uint8_t tx[TX_BYTES];
static uint32_t tx_at, tx_count;
static volatile uint32_t ticks_ms;
static can_line can;
static uint16_t supply_mv = HS_UNKNOWN_MV;
static uint32_t supply_ms;

void board_tick(void)
{
    ticks_ms++;
}

static void receive(uint32_t base, receiver *queue)
{
    UART_ICR(base) = 0x50u;
    while ((UART_FR(base) & UART_FR_RXFE) == 0u) {
        const uint32_t word = UART_DR(base);
        if ((word & UART_DR_OE) != 0u || queue->in - queue->out == RX_BYTES) {
            queue->overruns++;
        }
        if (queue->in - queue->out < RX_BYTES) {
            queue->bytes[queue->in % RX_BYTES] = (uint8_t)word;
            queue->in++;
        }
    }
}

void board_uart0(void)
{
    receive(UART0, &from_linux);
}

void board_uart1(void)
{
    receive(UART1, &from_bus);
}

static size_t take(receiver *queue, uint8_t *bytes, size_t most)
{
    size_t length = 0;
    while (length < most && queue->out != queue->in) {
        bytes[length++] = queue->bytes[queue->out % RX_BYTES];
        queue->out++;
    }
    return length;
}

const char *hs_hal_board(void)
{
    return "lm3s6965evb";
}

/* Milliseconds from the interrupt, the rest from the counter. The counter may have begun anew some cycles before the
 * interrupt is taken; time stands still for these, since it must not run backwards. */
uint64_t hs_hal_now_us(void)
{
    static uint64_t ms, last_us;
    static uint32_t seen_ms;
    const uint32_t left = SYST_CVR;
    const uint32_t now_ms = ticks_ms;
    ms += now_ms - seen_ms;
    seen_ms = now_ms;
    const uint64_t now_us = ms * 1000u + (TICKS_OF_MS - 1u - left) / (CLOCK_HZ / 1000000u);
    last_us = now_us > last_us ? now_us : last_us;
    return last_us;
}

size_t hs_hal_uart_read(uint8_t *bytes, size_t most)
{
    return take(&from_linux, bytes, most);
}

size_t hs_hal_uart_room(void)
{
    return TX_BYTES - tx_count;
}

void hs_hal_uart_write(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        tx[(tx_at + tx_count) % TX_BYTES] = bytes[i];
        tx_count++;
    }
}

uint32_t hs_hal_uart_overruns(void)
{
    return from_linux.overruns;
}

bool hs_hal_can_receive(hs_frame *frame)
{
    uint8_t byte;
    while (can.count == 0u && take(&from_bus, &byte, 1) == 1u) {
        can_line_byte(&can, byte, hs_hal_now_us());
    }
    return can_line_next(&can, frame);
}

uint32_t hs_hal_can_overruns(void)
{
    return can.overruns + from_bus.overruns;
}

/* A controller would take the frame at once; this line takes it within the time of its bytes. */
bool hs_hal_can_send(const hs_frame *frame)
{
    uint8_t bytes[HS_ENCODED_MAX + 1u];
    const size_t length = can_line_pack(&can, frame, bytes);
    for (size_t i = 0; i < length; i++) {
        while ((UART_FR(UART1) & UART_FR_TXFF) != 0u) {
        }
        UART_DR(UART1) = bytes[i];
    }
    return true;
}

void hs_hal_lamp(bool lit)
{
    GPIO_DATA(GPIO_F, LAMP) = lit ? LAMP : 0u;
}

bool hs_hal_switch(void)
{
    return (GPIO_DATA(GPIO_F, SWITCH) & SWITCH) == 0u;
}

/* Every 10 ms; a conversion takes some microseconds, so the loop takes the one before and starts the next. */
uint16_t hs_hal_supply_mv(void)
{
    if (ticks_ms - supply_ms >= 10u) {
        supply_ms = ticks_ms;
        if ((ADC_SSFSTAT3 & 0x100u) == 0u) {
            supply_mv = (uint16_t)((ADC_SSFIFO3 & 0x3FFu) * ADC_FULL_MV * DIVIDER / 1023u);
        }
        ADC_PSSI = 8u;
    }
    return supply_mv;
}

/* 50 MHz out of the 8 MHz crystal through the PLL, by the steps of the data sheet
 * ("Initialization and Configuration"). */
static void start_clock(void)
{
    SYSCTL_RCC = (SYSCTL_RCC | 0x00000800u) & ~0x00400000u; /* past the PLL, undivided */
    SYSCTL_RCC = (SYSCTL_RCC & ~0x000023F0u) | 0x00000380u; /* 8 MHz crystal, main oscillator, PLL on */
    SYSCTL_RCC = (SYSCTL_RCC & ~0x07800000u) | 0x01C00000u; /* divided by 4 */
    while ((SYSCTL_RIS & 0x40u) == 0u) {
    }
    SYSCTL_RCC &= ~0x00000800u;
    SYST_RVR = TICKS_OF_MS - 1u;
    SYST_CVR = 0;
    SYST_CSR = 7u;
}

static void start_uart(uint32_t base)
{
    UART_CTL(base) = 0;
    UART_IBRD(base) = 3; /* 50 MHz / (16 x 921,600) = 3.3908 = 3 + 25/64 */
    UART_FBRD(base) = 25;
    UART_LCRH(base) = 0x70u; /* 8 bits, FIFOs */
    UART_IFLS(base) = 0x08u; /* an interrupt at a quarter of the receive FIFO, and when the line pauses */
    UART_IM(base) = 0x50u;
    UART_CTL(base) = 0x301u;
}

static void start_pins(void)
{
    GPIO_AFSEL(GPIO_A) |= 0x03u; /* UART0 */
    GPIO_DEN(GPIO_A) |= 0x03u;
    GPIO_AFSEL(GPIO_D) |= 0x0Cu; /* UART1 */
    GPIO_DEN(GPIO_D) |= 0x0Cu;
    GPIO_DIR(GPIO_F) |= LAMP;
    GPIO_PUR(GPIO_F) |= SWITCH;
    GPIO_DEN(GPIO_F) |= LAMP | SWITCH;
}

static void start_adc(void)
{
    ADC_ACTSS = 0;
    ADC_EMUX = 0;
    ADC_SSMUX3 = 0;
    ADC_SSCTL3 = 2u; /* the end of the sequence */
    ADC_ACTSS = 8u;
}

static void flush(void)
{
    while (tx_count > 0u && (UART_FR(UART0) & UART_FR_TXFF) == 0u) {
        UART_DR(UART0) = tx[tx_at];
        tx_at = (tx_at + 1u) % TX_BYTES;
        tx_count--;
    }
}

void board_main(void)
{
    static hs_bridge bridge;
    start_clock();
    SYSCTL_RCGC0 |= 0x00010000u; /* ADC */
    SYSCTL_RCGC1 |= 0x00000003u; /* both UARTs */
    SYSCTL_RCGC2 |= 0x00000029u; /* ports A, D, F */
    start_pins();
    start_adc();
    can_line_init(&can);
    hs_bridge_init(&bridge, &hs_vehicle);
    start_uart(UART0);
    start_uart(UART1);
    NVIC_ISER0 = (1u << 5) | (1u << 6);
    for (;;) {
        hs_bridge_turn(&bridge);
        flush();
        if (tx_count == 0u && from_linux.in == from_linux.out && from_bus.in == from_bus.out && can.count == 0u) {
            /* The next byte or millisecond wakes it. */
            __asm volatile("wfi");
        }
    }
}
