/* Which received frames in a row go on where the first of them ends. */
#pragma once
#include <stdint.h>
#include <stddef.h>

/* Where a frame has what tells; all offsets from the beginning of its slot, and below `header_length`. */
struct run_layout {
    /* What precedes the text. */
    uint16_t header_length;
    /* 32 bits, big-endian: where the text belongs; without text, what rises. */
    uint16_t sequence_at;
    /* 16 bits, big-endian: the length of the frame, less `length_bias`. */
    uint16_t length_at;
    uint16_t length_bias;
    /* A range whose Internet checksum must be right; length 0 = none. */
    uint16_t header_sum_at;
    uint16_t header_sum_length;
    /* From here to the end it must be as well, with the length of the frame and this added; 0 = not asked for. */
    uint16_t text_sum_at;
    uint16_t text_sum_bias;
};

/* Slot n is `stride` bytes at n * stride; slots[i] has a frame of lengths[i]. */
struct run_frames {
    const uint8_t *bytes;
    size_t stride;
    const uint16_t *slots;
    const uint32_t *lengths;
    size_t count;
};

struct run_rule {
    struct run_layout layout;
    /* Bits of the headers that are equal in all frames. */
    const uint8_t *mask;
    /* Text that is no multiple of this ends the run; after text of one unit none is longer. 0 = frames without text. */
    uint32_t unit;
    /* Of all frames together, with one header. */
    uint32_t max_length;
};

/* How many frames in a row are one run, the first included: like it by the mask, right, and in order. Without text each has a
   number beyond that of the one before, by less than 2^31. */
size_t runs_count(const struct run_frames *frames, const struct run_rule *rule);
