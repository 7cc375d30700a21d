/* Bulk byte operations (bytes.c) and UTF-8 (utf8.c). */
#ifndef EREMITE_BYTES_H
#define EREMITE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void bytes_copy(uint8_t *target, const uint8_t *source, size_t length);
void bytes_fill(uint8_t *target, uint8_t value, size_t length);
/* Ones' complement sum of big-endian 16-bit words, folded, not complemented (RFC 1071). */
uint32_t bytes_checksum(const uint8_t *bytes, size_t length, uint32_t initial_sum);
uint32_t bytes_crc32(const uint8_t *bytes, size_t length, uint32_t initial);
/* True when all bits set in `mask` are equal. */
bool bytes_match(const uint8_t *bytes, const uint8_t *pattern, const uint8_t *mask, size_t length);
/* A rule is this many bytes of pattern, then as many of mask. */
#define BYTES_RULE 64
/* How many slots in a row begin like one of the rules; slot n begins at n * stride. */
size_t bytes_count_matching(const uint8_t *bytes, size_t stride, const uint16_t *slots, size_t slot_count,
                            const uint8_t *rules, size_t rule_count);
/* Copies 32-bit words, the bytes of each reversed: from network order to ours. */
void bytes_load_words(uint8_t *target, const uint8_t *source, size_t count);
/* Each byte of `source` xor that of a key of four bytes, over and over (RFC 6455 5.3); in place, or apart. */
void bytes_mask(uint8_t *target, const uint8_t *source, size_t length, const uint8_t *key);
/*
 * Bytes of the HTTP/1 head at the start, its empty line included; 0 when it does not end here, begins with an empty
 * line, or has a line that ends in a lone LF.
 */
size_t bytes_head_length(const uint8_t *bytes, size_t length);
/* HalfSipHash-2-4 with a key of eight bytes. */
uint32_t bytes_keyed_hash(const uint8_t *key, const uint8_t *bytes, size_t length);

/* The longest prefix of well-formed text that fits and does not cut a character. */
size_t utf8_prefix(const uint8_t *text, size_t length, size_t room);
/* Lone surrogates, which the engine writes as three bytes, become U+FFFD, which has three bytes too. */
void utf8_replace_surrogates(uint8_t *text, size_t length);
/* Length of the longest well-formed start. */
size_t utf8_valid_length(const uint8_t *bytes, size_t length);
/* Writes well-formed text with U+FFFD for malformed parts; `target` has room for three times `length`. */
size_t utf8_repair(uint8_t *target, const uint8_t *bytes, size_t length);

#endif
