/* COM1 (a 16550) for people, and QEMU's isa-debugcon at port 0xe9 for events. */
#include <stdarg.h>
#include "boot.h"
#include "x86.h"

#define COM1 0x3f8
#define COM1_INTERRUPTS (COM1 + 1)
#define COM1_FIFO (COM1 + 2)
#define COM1_LINE_CONTROL (COM1 + 3)
#define COM1_MODEM_CONTROL (COM1 + 4)
#define COM1_LINE_STATUS (COM1 + 5)
#define LINE_STATUS_HOLDING_EMPTY 0x20
#define FIFO_BYTES 16
/* A port that never gets ready must not stop the guest. */
#define READY_POLLS 1000000

#define DEBUG_CONSOLE 0xe9

void console_init(void)
{
    port_write8(COM1_INTERRUPTS, 0);
    port_write8(COM1_LINE_CONTROL, 0x80); /* The next two writes set the divisor. */
    port_write8(COM1, 1);                 /* 115200 baud */
    port_write8(COM1_INTERRUPTS, 0);
    port_write8(COM1_LINE_CONTROL, 0x03); /* 8 bits, no parity, 1 stop bit */
    port_write8(COM1_FIFO, 0x07);         /* Both FIFOs on and empty. */
    port_write8(COM1_MODEM_CONTROL, 0x03);
}

void console_write(const char *text, size_t length)
{
    size_t room = 0;
    for (size_t i = 0; i < length; i++) {
        if (room == 0) {
            uint32_t polls = READY_POLLS;
            while ((port_read8(COM1_LINE_STATUS) & LINE_STATUS_HOLDING_EMPTY) == 0 && --polls != 0)
                ;
            room = FIFO_BYTES;
        }
        port_write8(COM1, (uint8_t)text[i]);
        room--;
    }
}

void event_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        port_write8(DEBUG_CONSOLE, (uint8_t)text[i]);
}

static void console_sink(void *context, const char *text, size_t length)
{
    (void)context;
    console_write(text, length);
}

static void event_sink(void *context, const char *text, size_t length)
{
    (void)context;
    event_write(text, length);
}

void console_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format(console_sink, NULL, format, arguments);
    va_end(arguments);
}

void event_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format(event_sink, NULL, format, arguments);
    va_end(arguments);
}

void event_json_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            event_format("\\%.*s", 1, text + i);
        else if (c == '\n')
            event_write("\\n", 2);
        else if (c < 0x20)
            event_format("\\u%04x", c);
        else
            event_write(text + i, 1);
    }
}
