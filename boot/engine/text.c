/* A formatter for reports that works before libc is ready and after the heap is broken: %s %.*s %d %u %x %lu %lx. */
#include <stdarg.h>
#include "boot.h"

static void put_number(text_sink sink, void *context, uint64_t value, unsigned base, int width, char pad)
{
    char digits[24];
    int n = sizeof(digits);
    do {
        digits[--n] = "0123456789abcdef"[value % base];
        value /= base;
        width--;
    } while (value != 0);
    while (width-- > 0 && n > 0)
        digits[--n] = pad;
    sink(context, digits + n, sizeof(digits) - (size_t)n);
}

static size_t text_length(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}

void text_format(text_sink sink, void *context, const char *format, va_list arguments)
{
    for (;;) {
        const char *start = format;
        while (*format != '\0' && *format != '%')
            format++;
        if (format != start)
            sink(context, start, (size_t)(format - start));
        if (*format == '\0')
            return;
        format++;

        char pad = ' ';
        int width = 0, precision = -1;
        bool is_long = false;
        if (*format == '0') {
            pad = '0';
            format++;
        }
        while (*format >= '0' && *format <= '9')
            width = width * 10 + (*format++ - '0');
        if (format[0] == '.' && format[1] == '*') {
            precision = va_arg(arguments, int);
            format += 2;
        }
        if (*format == 'l') {
            is_long = true;
            format++;
        }
        switch (*format) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            sink(context, text, precision >= 0 ? (size_t)precision : text_length(text));
            break;
        }
        case 'd': {
            int64_t value = is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            if (value < 0) {
                sink(context, "-", 1);
                value = -value;
            }
            put_number(sink, context, (uint64_t)value, 10, width, pad);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
            put_number(sink, context, value, *format == 'u' ? 10 : 16, width, pad);
            break;
        }
        default:
            sink(context, format, 1);
            break;
        }
        format++;
    }
}
