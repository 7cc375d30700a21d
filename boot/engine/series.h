/* Many slots at once: frames of one size in a row, words that grow by steps, marks, and rings that slots travel by. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct slot_list {
    const uint16_t *slots;
    size_t count;
};

/* What differs from frame to frame; offsets from the beginning of the header, all fields big-endian. */
struct series_layout {
    /* 32 bits that grow by the size of a frame's text. */
    uint16_t sequence_at;
    /* 16 bits that grow by `identification_step`; 0 = there are none. */
    uint16_t identification_at;
    /* A range with an Internet checksum of its own in it; length 0 = none. */
    uint16_t header_sum_at;
    uint16_t header_sum_length;
    uint16_t header_sum_field;
    /* From here, an even number of bytes before the text, to the end of the text; the seed lies in the field; 0 = none. */
    uint16_t text_sum_at;
    uint16_t text_sum_field;
    uint16_t identification_step;
};

/* Slot n begins at n * stride of the target. */
struct series {
    uint8_t *target;
    size_t stride;
    /* As the first frame has it. */
    const uint8_t *header;
    size_t header_length;
    struct series_layout layout;
    /* Read only for its sum: `size` bytes for each frame. */
    const uint8_t *text;
    size_t size;
};

/* Writes a header into each slot. */
void series_write(const struct series *series, const struct slot_list *list);

/* words[slot * stride + at] becomes first + step * place, for each field: places follow each other from slot to slot, and
   0 follows the last of a lap. */
struct word_field {
    uint32_t at;
    uint32_t first;
    uint32_t step;
};
struct word_table {
    uint32_t *words;
    size_t stride;
};
struct lap {
    /* That of the first slot; below `length`. */
    uint32_t place;
    uint32_t length;
};
void series_store(const struct word_table *table, const struct slot_list *list, struct lap lap,
                  const struct word_field *fields, size_t field_count);

/* Marks each slot; how many had another mark. */
size_t series_mark(uint8_t *marks, const struct slot_list *list, uint8_t mark);
/* How many slots in a row have the mark of the first. */
size_t series_count_alike(const uint8_t *marks, const struct slot_list *list);

/* Writes the slots to ring[index & mask] and on, and sets the mark of each to 1. */
void series_push(uint16_t *ring, uint32_t mask, uint32_t index, const struct slot_list *list, uint8_t *marks);

/* A ring of slots and lengths that somebody else writes: each word is read once. */
struct pair_ring {
    const volatile uint32_t *pairs;
    uint32_t mask;
    uint32_t index;
    uint32_t count;
};
struct pulled {
    uint16_t *slots;
    uint32_t *lengths;
    uint8_t *marks;
    size_t mark_count;
};
/* Takes pairs as long as their slots are marked, and sets those marks to 0; how many it took. */
size_t series_pull(const struct pair_ring *ring, const struct pulled *to);
