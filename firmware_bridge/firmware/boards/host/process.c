/* The bridge as a process in real time: `bridge-host LINUX CAN` names the descriptors of the line to Linux and of
 * the one that stands for the CAN bus.
 *
 * It ends when either is closed at its other end. Standard output says `1` and `0` as the lamp goes on and off. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bridge.h"
#include "can_line.h"
#include "hal.h"

#define QUEUE 2048u

static int linux_end;
static int can_end;
static uint8_t queue[QUEUE];
static size_t queued;
static can_line can;
static bool lamp;
static bool ended;

uint64_t hs_hal_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

const char *hs_hal_board(void)
{
    return "process";
}

/* Reads what is there; sets `ended` when the other end is gone. */
static size_t read_some(int descriptor, uint8_t *bytes, size_t most)
{
    const ssize_t length = read(descriptor, bytes, most);
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) {
        ended = true;
    }
    return length > 0 ? (size_t)length : 0u;
}

size_t hs_hal_uart_read(uint8_t *bytes, size_t most)
{
    return read_some(linux_end, bytes, most);
}

size_t hs_hal_uart_room(void)
{
    return QUEUE - queued;
}

void hs_hal_uart_write(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        queue[queued++] = bytes[i];
    }
}

uint32_t hs_hal_uart_overruns(void)
{
    return 0;
}

bool hs_hal_can_receive(hs_frame *frame)
{
    return can_line_next(&can, frame);
}

uint32_t hs_hal_can_overruns(void)
{
    return can.overruns;
}

bool hs_hal_can_send(const hs_frame *frame)
{
    uint8_t bytes[HS_ENCODED_MAX + 1u];
    const size_t length = can_line_pack(&can, frame, bytes);
    return write(can_end, bytes, length) == (ssize_t)length;
}

void hs_hal_lamp(bool lit)
{
    if (lit != lamp) {
        lamp = lit;
        (void)printf("%d\n", lit ? 1 : 0);
        (void)fflush(stdout);
    }
}

bool hs_hal_switch(void)
{
    return false;
}

uint16_t hs_hal_supply_mv(void)
{
    return HS_UNKNOWN_MV;
}

/* As many frames as surely find room: the rest waits in the kernel. */
static void listen(void)
{
    uint8_t bytes[256];
    const size_t length = can.count == 0u ? read_some(can_end, bytes, sizeof bytes) : 0u;
    for (size_t i = 0; i < length; i++) {
        can_line_byte(&can, bytes[i], hs_hal_now_us());
    }
}

static void flush_queue(void)
{
    const ssize_t written = queued > 0u ? write(linux_end, queue, queued) : 0;
    const size_t gone = written > 0 ? (size_t)written : 0u;
    for (size_t i = gone; i < queued; i++) {
        queue[i - gone] = queue[i];
    }
    queued -= gone;
}

int main(int count, char **words)
{
    static hs_bridge bridge;
    if (count != 3) {
        return 2;
    }
    linux_end = atoi(words[1]);
    can_end = atoi(words[2]);
    (void)fcntl(linux_end, F_SETFL, O_NONBLOCK);
    (void)fcntl(can_end, F_SETFL, O_NONBLOCK);
    struct pollfd wait[2] = {{.fd = linux_end, .events = POLLIN}, {.fd = can_end, .events = POLLIN}};
    can_line_init(&can);
    hs_bridge_init(&bridge, &hs_vehicle);
    while (!ended) {
        (void)poll(wait, 2, 1);
        listen();
        hs_bridge_turn(&bridge);
        flush_queue();
    }
    return 0;
}
