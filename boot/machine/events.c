/* QEMU's isa-debugcon at port 0xe9 for events: QEMU takes each byte before the guest goes on, however long its back end takes. */
#include <stdarg.h>
#include "boot.h"
#include "x86.h"

#define DEBUG_CONSOLE 0xe9

void event_write(const char *text, size_t length)
{
    console_settle();
    for (size_t i = 0; i < length; i++)
        port_write8(DEBUG_CONSOLE, (uint8_t)text[i]);
}

static void event_sink(void *context, const char *text, size_t length)
{
    (void)context;
    event_write(text, length);
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
