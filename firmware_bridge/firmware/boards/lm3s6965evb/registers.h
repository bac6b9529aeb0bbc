/* The registers that are used, with their names and numbers from the LM3S6965 data sheet (Texas Instruments, SPMS136)
 * and, for SysTick and NVIC, from the ARMv7-M Architecture Reference Manual. */
#ifndef HS_REGISTERS_H
#define HS_REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* System control. */
#define SYSCTL_RIS REGISTER(0x400FE050u)
#define SYSCTL_RCC REGISTER(0x400FE060u)
#define SYSCTL_RCGC0 REGISTER(0x400FE100u)
#define SYSCTL_RCGC1 REGISTER(0x400FE104u)
#define SYSCTL_RCGC2 REGISTER(0x400FE108u)

/* SysTick and interrupt controller. */
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define NVIC_ISER0 REGISTER(0xE000E100u)

/* PL011 UARTs. */
#define UART0 0x4000C000u
#define UART1 0x4000D000u
#define UART_DR(base) REGISTER((base) + 0x000u)
#define UART_FR(base) REGISTER((base) + 0x018u)
#define UART_IBRD(base) REGISTER((base) + 0x024u)
#define UART_FBRD(base) REGISTER((base) + 0x028u)
#define UART_LCRH(base) REGISTER((base) + 0x02Cu)
#define UART_CTL(base) REGISTER((base) + 0x030u)
#define UART_IFLS(base) REGISTER((base) + 0x034u)
#define UART_IM(base) REGISTER((base) + 0x038u)
#define UART_ICR(base) REGISTER((base) + 0x044u)
#define UART_FR_RXFE 0x10u
#define UART_FR_TXFF 0x20u
#define UART_DR_OE 0x800u

/* PL061 GPIO: the address holds the mask of the pins that a read or write touches. */
#define GPIO_A 0x40004000u
#define GPIO_D 0x40007000u
#define GPIO_F 0x40025000u
#define GPIO_DATA(base, pins) REGISTER((base) + ((uint32_t)(pins) << 2))
#define GPIO_DIR(base) REGISTER((base) + 0x400u)
#define GPIO_AFSEL(base) REGISTER((base) + 0x420u)
#define GPIO_PUR(base) REGISTER((base) + 0x510u)
#define GPIO_DEN(base) REGISTER((base) + 0x51Cu)

/* ADC, sample sequencer 3: one sample at a time. */
#define ADC_ACTSS REGISTER(0x40038000u)
#define ADC_EMUX REGISTER(0x40038014u)
#define ADC_PSSI REGISTER(0x40038028u)
#define ADC_SSMUX3 REGISTER(0x400380A0u)
#define ADC_SSCTL3 REGISTER(0x400380A4u)
#define ADC_SSFIFO3 REGISTER(0x400380A8u)
#define ADC_SSFSTAT3 REGISTER(0x400380ACu)

#endif
