/*
 * COM1 (a 16550) for people: a ring between the guest and a reader who may be slow or silent. What does not fit is lost,
 * counted, and said as soon as there is room again.
 */
#include <stdarg.h>
#include "boot.h"
#include "x86.h"

#define COM1 0x3f8
#define COM1_INTERRUPTS (COM1 + 1)
#define COM1_FIFO (COM1 + 2)
#define COM1_LINE_CONTROL (COM1 + 3)
#define COM1_MODEM_CONTROL (COM1 + 4)
#define COM1_LINE_STATUS (COM1 + 5)
#define INTERRUPT_WHEN_EMPTY 0x02
#define LINE_STATUS_HOLDING_EMPTY 0x20
#define LINE_STATUS_ALL_SENT 0x40
#define FIFO_BYTES 16

/* A power of two. Seconds of log=trace, or a burst that a reader on a busy host takes in its own time. */
#define RING_BYTES (256u * 1024)
/* How long a full ring waits for its reader in each period; not at all once that was in vain. */
#define WAIT_NS (2 * MILLISECOND)
#define WAIT_PERIOD_NS (5 * MILLISECOND)
/* What one call sends beyond what it has brought itself: half a millisecond's worth. */
#define CATCH_UP_BYTES 1024u
/* How often a sleeping guest looks whether a silent reader has come back, should the UART not say so. */
#define RETRY_NS (100 * MILLISECOND)
/* How long an event waits for the lines before it. */
#define EVENT_WAIT_NS (20 * MILLISECOND)
/* How long the end of a run waits for the last words: without a byte being taken, and in all. */
#define FLUSH_STALL_NS (2 * SECOND)
#define FLUSH_TOTAL_NS (10 * SECOND)
/* Before there is a clock. */
#define EARLY_POLLS 1000000u

static char ring[RING_BYTES];
/* Bytes ever put in and taken out; back to 0 when nothing is left, so that a quiet guest touches few pages. */
static uint32_t put, taken;
static char last_put = '\n';
static uint64_t lost_bytes, lost_lines;
static uint64_t wait_period_start_ns, waited_ns;
/* The last wait for the reader was in vain. */
static bool is_stalled;
static uint64_t retry_ns;
volatile bool console_was_woken;
/* When all flushes together must be over; 0 until the first one. */
static uint64_t flush_deadline_ns;
static bool flush_failed;

void console_init(void)
{
    port_write8(COM1_INTERRUPTS, 0);
    port_write8(COM1_LINE_CONTROL, 0x80); /* The next two writes set the divisor. */
    port_write8(COM1, 1);                 /* 115200 baud */
    port_write8(COM1_INTERRUPTS, 0);
    port_write8(COM1_LINE_CONTROL, 0x03); /* 8 bits, no parity, 1 stop bit */
    port_write8(COM1_FIFO, 0x07);         /* Both FIFOs on and empty. */
    port_write8(COM1_MODEM_CONTROL, 0x0b); /* OUT2 lets interrupts through. */
}

/* Without a UART every bit reads as one: what is written goes nowhere at once. */
static bool is_ready(void)
{
    return (port_read8(COM1_LINE_STATUS) & LINE_STATUS_HOLDING_EMPTY) != 0;
}

static bool is_all_sent(void)
{
    return put == taken && (port_read8(COM1_LINE_STATUS) & LINE_STATUS_ALL_SENT) != 0;
}

/* False when the time has passed and the UART takes nothing. */
static bool wait_until_ready(uint64_t wait_ns)
{
    uint64_t start = monotonic_ns();
    for (uint32_t polls = 0; !is_ready(); polls++)
        if (start == 0 ? polls == EARLY_POLLS : monotonic_ns() - start >= wait_ns)
            return false;
    return true;
}

static size_t append(const char *text, size_t length)
{
    size_t room = RING_BYTES - (put - taken);
    size_t count = length < room ? length : room;
    for (size_t i = 0; i < count; i++)
        ring[(put + i) % RING_BYTES] = text[i];
    put += (uint32_t)count;
    if (count > 0)
        last_put = text[count - 1];
    return count;
}

static void ring_sink(void *context, const char *text, size_t length)
{
    (void)context;
    append(text, length);
}

static void put_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format(ring_sink, NULL, format, arguments);
    va_end(arguments);
}

/* Once half of the ring is free: said at the first gap, it would be said again and again to a slow reader. */
static void say_what_was_lost(void)
{
    if (lost_bytes == 0 || put - taken > RING_BYTES / 2)
        return;
    put_format("%sconsole: %lu lines (%lu bytes) were lost here: the reader of the serial port took none\n",
               last_put == '\n' ? "" : "\n", lost_lines, lost_bytes);
    lost_lines = 0;
    lost_bytes = 0;
}

/* Hands over up to `limit` bytes as long as the UART takes them at once; false when it does not. */
static bool send(size_t limit)
{
    while (put != taken && limit > 0) {
        if (!is_ready())
            return false;
        is_stalled = false;
        for (uint32_t room = FIFO_BYTES; room > 0 && put != taken && limit > 0; room--, limit--)
            port_write8(COM1, (uint8_t)ring[taken++ % RING_BYTES]);
    }
    if (put == taken)
        put = taken = 0;
    say_what_was_lost();
    return true;
}

/* For a full ring: true when the reader has made room. */
static bool wait_for_room(void)
{
    if (is_ready())
        return true;
    if (is_stalled)
        return false;
    uint64_t now = monotonic_ns();
    if (now - wait_period_start_ns >= WAIT_PERIOD_NS) {
        wait_period_start_ns = now;
        waited_ns = 0;
    }
    if (waited_ns >= WAIT_NS)
        return false;
    bool ready = wait_until_ready(WAIT_NS - waited_ns);
    waited_ns += monotonic_ns() - now;
    is_stalled = !ready;
    return ready;
}

static void lose(const char *text, size_t length)
{
    lost_bytes += length;
    for (size_t i = 0; i < length; i++)
        lost_lines += text[i] == '\n';
}

void console_write(const char *text, size_t length)
{
    /* Lines come out whole and in their order: nothing passes the report of a loss. */
    while (length > 0 && lost_bytes == 0) {
        size_t count = append(text, length);
        text += count;
        length -= count;
        if (!send(count + CATCH_UP_BYTES) && length > 0 && !wait_for_room())
            break;
    }
    if (length > 0) {
        lose(text, length);
        send(CATCH_UP_BYTES);
    }
}

uint64_t console_catch_up(uint64_t now_ns)
{
    if (put == taken)
        return UINT64_MAX;
    if (now_ns < retry_ns && !console_was_woken)
        return retry_ns;
    console_was_woken = false;
    retry_ns = 0;
    if (send(CATCH_UP_BYTES))
        return put == taken ? UINT64_MAX : now_ns;
    retry_ns = now_ns + RETRY_NS;
    port_write8(COM1_INTERRUPTS, INTERRUPT_WHEN_EMPTY);
    return retry_ns;
}

void console_interrupt(void)
{
    port_write8(COM1_INTERRUPTS, 0);
    console_was_woken = true;
}

void console_settle(void)
{
    uint64_t start = monotonic_ns();
    while (put != taken && !is_stalled && !send(RING_BYTES))
        is_stalled = !wait_until_ready(EVENT_WAIT_NS) || monotonic_ns() - start >= EVENT_WAIT_NS;
}

void console_flush(void)
{
    uint64_t start = monotonic_ns();
    if (flush_deadline_ns == 0)
        flush_deadline_ns = start + FLUSH_TOTAL_NS;
    uint64_t progress_ns = start;
    uint32_t before = put - taken;
    for (uint32_t polls = 0; !flush_failed; polls++) {
        send(RING_BYTES);
        if (is_all_sent())
            return;
        uint64_t now = monotonic_ns();
        if (put - taken != before) {
            before = put - taken;
            progress_ns = now;
            polls = 0;
        }
        flush_failed = now == 0 ? polls == EARLY_POLLS : now - progress_ns >= FLUSH_STALL_NS || now >= flush_deadline_ns;
    }
}

static void console_sink(void *context, const char *text, size_t length)
{
    (void)context;
    console_write(text, length);
}

void console_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format(console_sink, NULL, format, arguments);
    va_end(arguments);
}
