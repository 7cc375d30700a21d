/* Which received frames in a row go on where the first of them ends: a look at headers, and at sums where nobody vouches. */
#include "runs.h"
#include "bytes.h"

static inline uint32_t big_endian_16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t big_endian_32(const uint8_t *at)
{
    typedef uint32_t __attribute__((aligned(1), may_alias)) number;
    return __builtin_bswap32(*(const number *)at);
}

static bool is_right(const uint8_t *frame, uint32_t length, const struct run_layout *layout)
{
    if (big_endian_16(frame + layout->length_at) + layout->length_bias != length)
        return false;
    if (layout->header_sum_length != 0 &&
        bytes_checksum(frame + layout->header_sum_at, layout->header_sum_length, 0) != 0xffff)
        return false;
    if (layout->text_sum_at == 0)
        return true;
    return bytes_checksum(frame + layout->text_sum_at, length - layout->text_sum_at, length + layout->text_sum_bias) ==
           0xffff;
}

static size_t count_rising(const struct run_frames *frames, const struct run_rule *rule)
{
    const struct run_layout *layout = &rule->layout;
    const uint32_t *lengths = frames->lengths;
    uint32_t header = layout->header_length;
    const uint8_t *first = frames->bytes + frames->slots[0] * frames->stride;
    if (lengths[0] != header)
        return 1;
    uint32_t number = big_endian_32(first + layout->sequence_at);
    for (size_t n = 1; n < frames->count; n++) {
        const uint8_t *frame = frames->bytes + frames->slots[n] * frames->stride;
        if (lengths[n] != header)
            return n;
        uint32_t next = big_endian_32(frame + layout->sequence_at);
        if ((int32_t)(next - number) <= 0 || !bytes_match(frame, first, rule->mask, header))
            return n;
        if (!is_right(frame, header, layout) || (n == 1 && !is_right(first, header, layout)))
            return n;
        number = next;
    }
    return frames->count;
}

size_t runs_count(const struct run_frames *frames, const struct run_rule *rule)
{
    const struct run_layout *layout = &rule->layout;
    const uint32_t *lengths = frames->lengths;
    uint32_t header = layout->header_length;
    if (frames->count == 0)
        return 0;
    if (rule->unit == 0)
        return count_rising(frames, rule);
    if (lengths[0] <= header || lengths[0] > frames->stride || (lengths[0] - header) % rule->unit != 0)
        return 1;
    const uint8_t *first = frames->bytes + frames->slots[0] * frames->stride;
    uint64_t total = lengths[0];
    uint32_t most_text = lengths[0] - header == rule->unit ? rule->unit : rule->max_length;
    uint32_t sequence = big_endian_32(first + layout->sequence_at) + (lengths[0] - header);
    for (size_t n = 1; n < frames->count; n++) {
        const uint8_t *frame = frames->bytes + frames->slots[n] * frames->stride;
        uint32_t text = lengths[n] - header;
        if (lengths[n] <= header || lengths[n] > frames->stride)
            return n;
        if (text > most_text || total + text > rule->max_length)
            return n;
        if (big_endian_32(frame + layout->sequence_at) != sequence || !bytes_match(frame, first, rule->mask, header))
            return n;
        /* The first is looked at once there is a second. */
        if (!is_right(frame, lengths[n], layout) || (n == 1 && !is_right(first, lengths[0], layout)))
            return n;
        total += text;
        sequence += text;
        if (text % rule->unit != 0)
            return n + 1;
    }
    return frames->count;
}
