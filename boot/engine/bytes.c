/*
 * Bulk byte work: copy, fill, Internet checksum, CRC-32. Compiled without vector registers and without the
 * compiler's own idea of memcpy: under TCG a loop of 64-bit moves beats REP MOVSB tenfold and SSE twofold.
 */
#include "bytes.h"

typedef uint64_t __attribute__((aligned(1), may_alias)) word;
typedef uint32_t __attribute__((aligned(1), may_alias)) half_word;

static void copy_forward(uint8_t *target, const uint8_t *source, size_t length)
{
    for (; length >= 32; length -= 32, target += 32, source += 32) {
        uint64_t a = ((const word *)source)[0], b = ((const word *)source)[1];
        uint64_t c = ((const word *)source)[2], d = ((const word *)source)[3];
        ((word *)target)[0] = a;
        ((word *)target)[1] = b;
        ((word *)target)[2] = c;
        ((word *)target)[3] = d;
    }
    for (; length >= 8; length -= 8, target += 8, source += 8)
        *(word *)target = *(const word *)source;
    while (length-- > 0)
        *target++ = *source++;
}

static void copy_backward(uint8_t *target, const uint8_t *source, size_t length)
{
    while (length >= 8) {
        length -= 8;
        *(word *)(target + length) = *(const word *)(source + length);
    }
    while (length-- > 0)
        target[length] = source[length];
}

void bytes_copy(uint8_t *target, const uint8_t *source, size_t length)
{
    /* The ranges may overlap; then the direction decides which bytes are read before they are written. */
    if (target > source && target < source + length)
        copy_backward(target, source, length);
    else
        copy_forward(target, source, length);
}

void bytes_mask(uint8_t *target, const uint8_t *source, size_t length, const uint8_t *key)
{
    uint64_t four = *(const half_word *)key;
    uint64_t eight = four | four << 32;
    size_t n = 0;
    for (; n + 32 <= length; n += 32) {
        const word *from = (const word *)(source + n);
        uint64_t a = from[0] ^ eight, b = from[1] ^ eight, c = from[2] ^ eight, d = from[3] ^ eight;
        word *to = (word *)(target + n);
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
    }
    for (; n < length; n++)
        target[n] = source[n] ^ key[n & 3];
}

size_t bytes_head_length(const uint8_t *bytes, size_t length)
{
    size_t line = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n')
            continue;
        if (i == line || bytes[i - 1] != '\r')
            return 0;
        if (i == line + 1)
            return line == 0 ? 0 : i + 1;
        line = i + 1;
    }
    return 0;
}

void bytes_fill(uint8_t *target, uint8_t value, size_t length)
{
    uint64_t pattern = value * 0x0101010101010101ull;
    uint64_t words = length / 8;
    __asm__ volatile("rep stosq" : "+D"(target), "+c"(words) : "a"(pattern) : "memory");
    for (length &= 7; length > 0; length--)
        *target++ = value;
}

uint32_t bytes_checksum(const uint8_t *bytes, size_t length, uint32_t initial_sum)
{
    /*
     * RFC 1071 §2(B): the sum may be taken in either byte order and swapped at the end, and in wider words; the
     * two 32-bit halves of a 64-bit load are added apart, so that no carry needs care. TCG runs this faster than
     * additions with carry, whose flags it has to work out.
     */
    uint64_t low = 0, high = 0;
    for (; length >= 32; length -= 32, bytes += 32) {
        uint64_t a = ((const word *)bytes)[0], b = ((const word *)bytes)[1];
        uint64_t c = ((const word *)bytes)[2], d = ((const word *)bytes)[3];
        low += (uint64_t)(uint32_t)a + (uint32_t)b + (uint32_t)c + (uint32_t)d;
        high += (a >> 32) + (b >> 32) + (c >> 32) + (d >> 32);
    }
    uint64_t sum = low + high;
    for (; length >= 4; length -= 4, bytes += 4)
        sum += *(const half_word *)bytes;
    uint32_t tail = 0;
    for (size_t i = 0; i < length; i++)
        tail |= (uint32_t)bytes[i] << 8 * i;
    sum += tail;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = __builtin_bswap16((uint16_t)sum);
    sum += initial_sum;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

static inline uint64_t differing_bits(const uint8_t *bytes, const uint8_t *pattern, const uint8_t *mask)
{
    return (*(const word *)bytes ^ *(const word *)pattern) & *(const word *)mask;
}

bool bytes_match(const uint8_t *bytes, const uint8_t *pattern, const uint8_t *mask, size_t length)
{
    uint64_t difference = 0;
    size_t n = 0;
    for (; n + 8 <= length; n += 8)
        difference |= differing_bits(bytes + n, pattern + n, mask + n);
    /* The rest together with what precedes it, as one word. */
    if (n != 0 && n != length)
        difference |= differing_bits(bytes + length - 8, pattern + length - 8, mask + length - 8);
    else
        for (; n < length; n++)
            difference |= (uint64_t)((bytes[n] ^ pattern[n]) & mask[n]);
    return difference == 0;
}

static bool matches_any(const uint8_t *bytes, const uint8_t *rules, size_t rule_count)
{
    for (; rule_count > 0; rule_count--, rules += 2 * BYTES_RULE)
        if (bytes_match(bytes, rules, rules + BYTES_RULE, BYTES_RULE))
            return true;
    return false;
}

size_t bytes_count_matching(const uint8_t *bytes, size_t stride, const uint16_t *slots, size_t slot_count,
                            const uint8_t *rules, size_t rule_count)
{
    size_t count = 0;
    while (count < slot_count && matches_any(bytes + slots[count] * stride, rules, rule_count))
        count++;
    return count;
}

void bytes_load_words(uint8_t *target, const uint8_t *source, size_t count)
{
    for (; count > 0; count--, target += 4, source += 4)
        *(half_word *)target = __builtin_bswap32(*(const half_word *)source);
}

#define CRC32_POLYNOMIAL 0xedb88320u

static uint32_t crc_table[8][256];

/* Slicing by 8: table k holds the remainder of a byte that k more bytes follow. */
static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? CRC32_POLYNOMIAL : 0);
        crc_table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            crc_table[k][i] = crc_table[k - 1][i] >> 8 ^ crc_table[0][crc_table[k - 1][i] & 0xff];
}

static uint32_t crc_of_word(uint64_t w)
{
    return crc_table[7][w & 0xff] ^ crc_table[6][w >> 8 & 0xff] ^ crc_table[5][w >> 16 & 0xff] ^
           crc_table[4][w >> 24 & 0xff] ^ crc_table[3][w >> 32 & 0xff] ^ crc_table[2][w >> 40 & 0xff] ^
           crc_table[1][w >> 48 & 0xff] ^ crc_table[0][w >> 56];
}

/*
 * x^300 + x^155 + x^117 + x^89 + 1 is a multiple of the polynomial of CRC-32, so a bit of the message may be removed
 * when the bits 145, 183, 211 and 300 behind it are flipped. One word is folded into the next ones, `a` being what
 * former ones left for it; shifts and XORs in registers cost TCG a third of eight look-ups in memory.
 */
static inline void fold(uint64_t word, uint64_t *a, uint64_t *c, uint64_t *d, uint64_t *e)
{
    uint64_t x = word ^ *a;
    *c ^= x << 17 ^ x << 55;
    *d ^= x >> 47 ^ x >> 9 ^ x << 19;
    *e ^= x >> 45 ^ x << 44;
    *a = x >> 20;
}

uint32_t bytes_crc32(const uint8_t *bytes, size_t length, uint32_t initial)
{
    if (crc_table[0][1] == 0)
        make_crc_table();
    uint32_t crc = ~initial;
    if (length >= 80) {
        uint64_t a = crc, b = 0, c = 0, d = 0, e = 0;
        for (; length >= 80; length -= 40, bytes += 40) {
            const word *words = (const word *)bytes;
            fold(words[0], &a, &c, &d, &e);
            fold(words[1], &b, &d, &e, &a);
            fold(words[2], &c, &e, &a, &b);
            fold(words[3], &d, &a, &b, &c);
            fold(words[4], &e, &b, &c, &d);
        }
        const uint64_t left[5] = {a, b, c, d, e};
        crc = 0;
        for (int i = 0; i < 5; i++)
            crc = crc_of_word(((const word *)bytes)[i] ^ left[i] ^ crc);
        length -= 40;
        bytes += 40;
    }
    for (; length >= 8; length -= 8, bytes += 8)
        crc = crc_of_word(*(const word *)bytes ^ crc);
    while (length-- > 0)
        crc = crc >> 8 ^ crc_table[0][(crc ^ *bytes++) & 0xff];
    return ~crc;
}

static inline uint32_t rotated(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static inline void half_sip_rounds(uint32_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotated(v[1], 5) ^ v[0];
        v[0] = rotated(v[0], 16);
        v[2] += v[3];
        v[3] = rotated(v[3], 8) ^ v[2];
        v[0] += v[3];
        v[3] = rotated(v[3], 7) ^ v[0];
        v[2] += v[1];
        v[1] = rotated(v[1], 13) ^ v[2];
        v[2] = rotated(v[2], 16);
    }
}

static uint32_t little_endian(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

/* HalfSipHash-2-4 (Aumasson and Bernstein): two rounds a word, the last of which holds the length, and four at the end. */
uint32_t bytes_keyed_hash(const uint8_t *key, const uint8_t *bytes, size_t length)
{
    uint32_t key0 = little_endian(key, 4), key1 = little_endian(key + 4, 4);
    uint32_t v[4] = {key0, key1, 0x6c796765u ^ key0, 0x74656462u ^ key1};
    for (size_t left = length;; left -= 4, bytes += 4) {
        bool is_last = left < 4;
        uint32_t word = is_last ? (uint32_t)length << 24 | little_endian(bytes, left) : little_endian(bytes, 4);
        v[3] ^= word;
        half_sip_rounds(v, 2);
        v[0] ^= word;
        if (is_last)
            break;
    }
    v[2] ^= 0xff;
    half_sip_rounds(v, 4);
    return v[1] ^ v[3];
}
