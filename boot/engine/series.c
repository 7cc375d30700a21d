/* Many slots at once: what a loop in TypeScript would do for each frame of a super-segment, one native does for all of them. */
#include "series.h"
#include "bytes.h"
#include <stdbool.h>

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get_16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* A number of 16 bits at `at` is one of the words that the header's checksum is the sum of. */
static bool is_summed(const struct series_layout *layout, uint32_t at)
{
    uint32_t start = layout->header_sum_at;
    return at >= start && at + 2 <= start + layout->header_sum_length && (at - start) % 2 == 0;
}

void series_write(const struct series *series, const struct slot_list *list)
{
    const struct series_layout *layout = &series->layout;
    const uint8_t *header = series->header, *text = series->text;
    size_t length = series->header_length;
    uint32_t sequence = get_16(header + layout->sequence_at) << 16 | get_16(header + layout->sequence_at + 2);
    uint32_t identification = layout->identification_at == 0 ? 0 : get_16(header + layout->identification_at);
    /* RFC 1624: of what is summed only the identification changes, so that what is left is summed once. */
    bool is_steady = layout->identification_at != 0 && is_summed(layout, layout->identification_at) &&
                     is_summed(layout, layout->header_sum_field);
    uint32_t steady = 0;
    if (is_steady)
        steady = bytes_checksum(header + layout->header_sum_at, layout->header_sum_length, 0) +
                 (get_16(header + layout->header_sum_field) ^ 0xffff) + (identification ^ 0xffff);
    for (size_t n = 0; n < list->count; n++) {
        uint8_t *frame = series->target + list->slots[n] * series->stride;
        bytes_copy(frame, header, length);
        put_16(frame + layout->sequence_at, sequence >> 16);
        put_16(frame + layout->sequence_at + 2, sequence);
        if (layout->identification_at != 0)
            put_16(frame + layout->identification_at, identification);
        if (is_steady) {
            put_16(frame + layout->header_sum_field, ~fold(steady + (identification & 0xffff)));
        } else if (layout->header_sum_length != 0) {
            put_16(frame + layout->header_sum_field, 0);
            put_16(frame + layout->header_sum_field,
                   ~bytes_checksum(frame + layout->header_sum_at, layout->header_sum_length, 0));
        }
        if (layout->text_sum_at != 0) {
            uint32_t sum = bytes_checksum(frame + layout->text_sum_at, length - layout->text_sum_at, 0);
            put_16(frame + layout->text_sum_field, ~bytes_checksum(text, series->size, sum));
        }
        sequence += (uint32_t)series->size;
        identification += layout->identification_step;
        if (layout->text_sum_at != 0)
            text += series->size;
    }
}

void series_store(const struct word_table *table, const struct slot_list *list, struct lap lap,
                  const struct word_field *fields, size_t field_count)
{
    for (; field_count > 0; field_count--, fields++) {
        uint32_t *words = table->words + fields->at;
        uint32_t place = lap.place, value = fields->first + fields->step * place;
        for (size_t n = 0; n < list->count; n++) {
            words[list->slots[n] * table->stride] = value;
            value += fields->step;
            if (++place == lap.length) {
                place = 0;
                value = fields->first;
            }
        }
    }
}

size_t series_mark(uint8_t *marks, const struct slot_list *list, uint8_t mark)
{
    size_t changed = 0;
    for (size_t n = 0; n < list->count; n++) {
        uint8_t *at = marks + list->slots[n];
        changed += *at != mark;
        *at = mark;
    }
    return changed;
}

size_t series_count_alike(const uint8_t *marks, const struct slot_list *list)
{
    size_t n = 0;
    while (n < list->count && marks[list->slots[n]] == marks[list->slots[0]])
        n++;
    return n;
}

void series_push(uint16_t *ring, uint32_t mask, uint32_t index, const struct slot_list *list, uint8_t *marks)
{
    for (size_t n = 0; n < list->count; n++) {
        uint16_t slot = list->slots[n];
        ring[(index + n) & mask] = slot;
        marks[slot] = 1;
    }
}

size_t series_pull(const struct pair_ring *ring, const struct pulled *to)
{
    for (uint32_t n = 0; n < ring->count; n++) {
        const volatile uint32_t *pair = ring->pairs + 2 * ((ring->index + n) & ring->mask);
        uint32_t slot = pair[0];
        if (slot >= to->mark_count || to->marks[slot] == 0)
            return n;
        to->marks[slot] = 0;
        to->slots[n] = (uint16_t)slot;
        to->lengths[n] = pair[1];
    }
    return ring->count;
}
