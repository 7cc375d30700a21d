/* UTF-8 as the WHATWG Encoding Standard reads it: a malformed sequence becomes one U+FFFD (§8.1.1 UTF-8 decoder). */
#include "bytes.h"

#define REPLACEMENT_0 0xef
#define REPLACEMENT_1 0xbf
#define REPLACEMENT_2 0xbd

size_t utf8_prefix(const uint8_t *text, size_t length, size_t room)
{
    if (length <= room)
        return length;
    while (room > 0 && (text[room] & 0xc0) == 0x80)
        room--;
    return room;
}

static void put_replacement(uint8_t *target)
{
    target[0] = REPLACEMENT_0;
    target[1] = REPLACEMENT_1;
    target[2] = REPLACEMENT_2;
}

void utf8_replace_surrogates(uint8_t *text, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++)
        if (text[i] == 0xed && text[i + 1] >= 0xa0)
            put_replacement(text + i);
}

static size_t ascii_length(const uint8_t *bytes, size_t length)
{
    size_t n = 0;
    for (; n + 8 <= length; n += 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes + n, sizeof(word));
        if ((word & 0x8080808080808080ull) != 0)
            break;
    }
    while (n < length && bytes[n] < 0x80)
        n++;
    return n;
}

/* Length of the sequence at `bytes`; a malformed one gives the length of its maximal valid part, negated. */
static int sequence_length(const uint8_t *bytes, size_t length)
{
    uint8_t first = bytes[0], low = 0x80, high = 0xbf;
    int needed;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return -1;
    if (first < 0xe0) {
        needed = 1;
    } else if (first < 0xf0) {
        needed = 2;
        low = first == 0xe0 ? 0xa0 : 0x80;
        high = first == 0xed ? 0x9f : 0xbf;
    } else {
        needed = 3;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf;
    }
    for (int i = 1; i <= needed; i++) {
        if ((size_t)i >= length || bytes[i] < low || bytes[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return needed + 1;
}

size_t utf8_valid_length(const uint8_t *bytes, size_t length)
{
    size_t n = 0;
    while (n < length) {
        n += ascii_length(bytes + n, length - n);
        if (n == length)
            break;
        int sequence = sequence_length(bytes + n, length - n);
        if (sequence < 0)
            break;
        n += (size_t)sequence;
    }
    return n;
}

size_t utf8_repair(uint8_t *target, const uint8_t *bytes, size_t length)
{
    uint8_t *start = target;
    while (length > 0) {
        int n = sequence_length(bytes, length);
        if (n > 0) {
            for (int i = 0; i < n; i++)
                *target++ = bytes[i];
        } else {
            n = -n;
            put_replacement(target);
            target += 3;
        }
        bytes += n;
        length -= (size_t)n;
    }
    return (size_t)(target - start);
}
