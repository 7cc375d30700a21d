/* Native functions for many slots at once. */
#include "engine.h"
#include "native.h"
#include "series.h"

#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv

/* slots, from, to. */
static bool argument_slots(JSContext *context, JSValueConst *argv, struct slot_list *out)
{
    uint16_t *slots;
    size_t length;
    uint32_t from, to;
    if (!engine_uint16_array(argv[0], &slots, &length)) {
        JS_ThrowTypeError(context, "Cannot call a native function: the slots are not a Uint16Array");
        return false;
    }
    if (!argument_u32(context, argv[1], &from) || !argument_u32(context, argv[2], &to))
        return false;
    if (from > to || to > length) {
        JS_ThrowRangeError(context, "Cannot take slots %u to %u: the array has %lu", from, to, (unsigned long)length);
        return false;
    }
    *out = (struct slot_list){slots + from, to - from};
    return true;
}

/* Each slot n is the `size` elements from n * stride on. */
static bool are_inside(JSContext *context, const struct slot_list *list, size_t stride, uint64_t size, size_t length)
{
    for (size_t n = 0; n < list->count; n++) {
        if ((uint64_t)list->slots[n] * stride + size > length) {
            JS_ThrowRangeError(context, "Cannot reach slot %u: it ends beyond the array", list->slots[n]);
            return false;
        }
    }
    return true;
}

/* What is written while the slots are read, which were checked before. */
static bool lies_apart(JSContext *context, const void *written, size_t bytes, const void *read, size_t read_bytes)
{
    uint64_t start = (uint64_t)written, other = (uint64_t)read;
    if (start >= other + read_bytes || start + bytes <= other)
        return true;
    JS_ThrowRangeError(context, "Cannot write for slots: what is written must lie apart from what says where");
    return false;
}

static bool lies_apart_from_slots(JSContext *context, const void *written, size_t bytes, const struct slot_list *list)
{
    return lies_apart(context, written, bytes, list->slots, list->count * sizeof(*list->slots));
}

static bool argument_marks(JSContext *context, JSValueConst value, uint8_t **marks, size_t *length)
{
    if (engine_uint8_array(value, marks, length))
        return true;
    JS_ThrowTypeError(context, "Cannot call a native function: the marks are not a Uint8Array");
    return false;
}

static bool is_series_sound(const struct series *series, uint32_t at)
{
    const struct series_layout *layout = &series->layout;
    size_t length = series->header_length;
    return at <= series->stride && length <= series->stride - at && layout->sequence_at + 4u <= length &&
           layout->identification_at + 2u <= length &&
           layout->header_sum_at + (uint32_t)layout->header_sum_length <= length &&
           layout->header_sum_field + 2u <= length && layout->text_sum_at <= length &&
           layout->text_sum_field + 2u <= length;
}

/* (target, stride, at, slots, from, to, header, headerLength, layout, text, textOffset, size) */
static JSValue native_write_series(ARGUMENTS)
{
    (void)self, (void)argc;
    struct series series;
    struct slot_list list;
    uint8_t *header, *text;
    uint16_t *layout;
    size_t target_length, layout_length, text_length;
    uint32_t stride, at, size, text_offset;
    if (!argument_slots(context, argv + 3, &list) || !argument_u32(context, argv[1], &stride) ||
        !argument_u32(context, argv[2], &at) || !argument_u32(context, argv[10], &text_offset) ||
        !argument_u32(context, argv[11], &size) ||
        !argument_range(context, argv[6], JS_MKVAL(JS_TAG_INT, 0), argv[7], &header, &series.header_length))
        return JS_EXCEPTION;
    if (!engine_uint8_array(argv[0], &series.target, &target_length) ||
        !engine_uint16_array(argv[8], &layout, &layout_length) || !engine_uint8_array(argv[9], &text, &text_length))
        return JS_ThrowTypeError(context, "Cannot write a series: an argument is not an array of its kind");
    if (layout_length * sizeof(uint16_t) != sizeof(series.layout))
        return JS_ThrowRangeError(context, "Cannot write a series: the layout has another length");
    series.layout = *(const struct series_layout *)layout;
    series.stride = stride;
    series.header = header;
    series.size = size;
    if (!is_series_sound(&series, at))
        return JS_ThrowRangeError(context, "Cannot write a series: the layout is not inside a slot's header");
    /* Nobody reads what is not summed: it may go on elsewhere. */
    if (text_offset > text_length ||
        (series.layout.text_sum_at != 0 && (uint64_t)size * list.count > text_length - text_offset))
        return JS_ThrowRangeError(context, "Cannot write a series: its text ends beyond the array");
    if (!are_inside(context, &list, stride, stride, target_length) ||
        !lies_apart_from_slots(context, series.target, target_length, &list))
        return JS_EXCEPTION;
    series.text = text + text_offset;
    series.target += at;
    series_write(&series, &list);
    return JS_UNDEFINED;
}

/* (words, stride, slots, from, to, fields, place, lap): `fields` has at, first and step of each. */
static JSValue native_store_series(ARGUMENTS)
{
    (void)self, (void)argc;
    struct word_table table;
    struct slot_list list;
    uint32_t *fields, stride;
    size_t length, field_words;
    if (!engine_uint32_array(argv[0], &table.words, &length) || !engine_uint32_array(argv[5], &fields, &field_words))
        return JS_ThrowTypeError(context, "Cannot store a series: an argument is not a Uint32Array");
    struct lap lap;
    if (!argument_u32(context, argv[1], &stride) || !argument_slots(context, argv + 2, &list) ||
        !argument_u32(context, argv[6], &lap.place) || !argument_u32(context, argv[7], &lap.length))
        return JS_EXCEPTION;
    if (lap.place >= lap.length)
        return JS_ThrowRangeError(context, "Cannot store a series from place %u of %u", lap.place, lap.length);
    table.stride = stride;
    const struct word_field *first = (const struct word_field *)fields;
    size_t count = field_words * sizeof(uint32_t) / sizeof(*first);
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        if (first[i].at >= size)
            size = first[i].at + 1ull;
    size_t bytes = length * sizeof(*table.words);
    if (!are_inside(context, &list, stride, size, length) || !lies_apart_from_slots(context, table.words, bytes, &list) ||
        !lies_apart(context, table.words, bytes, fields, field_words * sizeof(*fields)))
        return JS_EXCEPTION;
    series_store(&table, &list, lap, first, count);
    return JS_UNDEFINED;
}

/* (marks, slots, from, to, mark) */
static JSValue native_mark_slots(ARGUMENTS)
{
    (void)self, (void)argc;
    struct slot_list list;
    uint8_t *marks;
    size_t length;
    uint32_t mark;
    if (!argument_marks(context, argv[0], &marks, &length) || !argument_slots(context, argv + 1, &list) ||
        !argument_u32(context, argv[4], &mark) || !are_inside(context, &list, 1, 1, length) ||
        !lies_apart_from_slots(context, marks, length, &list))
        return JS_EXCEPTION;
    if (mark > 0xff)
        return JS_ThrowRangeError(context, "Cannot mark slots with %u: it is above 255", mark);
    return JS_NewInt32(context, (int32_t)series_mark(marks, &list, (uint8_t)mark));
}

/* (marks, slots, from, to) */
static JSValue native_count_alike(ARGUMENTS)
{
    (void)self, (void)argc;
    struct slot_list list;
    uint8_t *marks;
    size_t length;
    if (!argument_marks(context, argv[0], &marks, &length) || !argument_slots(context, argv + 1, &list) ||
        !are_inside(context, &list, 1, 1, length))
        return JS_EXCEPTION;
    return JS_NewInt32(context, (int32_t)series_count_alike(marks, &list));
}

/* (ring, start, mask, index, slots, from, to, marks) */
static JSValue native_push_slots(ARGUMENTS)
{
    (void)self, (void)argc;
    struct slot_list list;
    uint16_t *ring;
    uint8_t *marks;
    size_t ring_length, mark_count;
    uint32_t start, mask, index;
    if (!engine_uint16_array(argv[0], &ring, &ring_length))
        return JS_ThrowTypeError(context, "Cannot push slots: the ring is not a Uint16Array");
    if (!argument_u32(context, argv[1], &start) || !argument_u32(context, argv[2], &mask) ||
        !argument_u32(context, argv[3], &index) || !argument_slots(context, argv + 4, &list) ||
        !argument_marks(context, argv[7], &marks, &mark_count) || !are_inside(context, &list, 1, 1, mark_count))
        return JS_EXCEPTION;
    if ((uint64_t)start + mask >= ring_length)
        return JS_ThrowRangeError(context, "Cannot push slots: the ring ends beyond its array");
    if (!lies_apart_from_slots(context, ring, ring_length * sizeof(*ring), &list) ||
        !lies_apart_from_slots(context, marks, mark_count, &list))
        return JS_EXCEPTION;
    series_push(ring + start, mask, index, &list, marks);
    return JS_UNDEFINED;
}

/* (pairs, start, mask, index, count, marks, slots, lengths, at) */
static JSValue native_pull_slots(ARGUMENTS)
{
    (void)self, (void)argc;
    struct pair_ring ring;
    struct pulled to;
    uint32_t *pairs, start, at;
    size_t pair_words, slot_count, length_count;
    if (!engine_uint32_array(argv[0], &pairs, &pair_words) || !engine_uint16_array(argv[6], &to.slots, &slot_count) ||
        !engine_uint32_array(argv[7], &to.lengths, &length_count))
        return JS_ThrowTypeError(context, "Cannot pull slots: an argument is not an array of its kind");
    if (!argument_u32(context, argv[1], &start) || !argument_u32(context, argv[2], &ring.mask) ||
        !argument_u32(context, argv[3], &ring.index) || !argument_u32(context, argv[4], &ring.count) ||
        !argument_marks(context, argv[5], &to.marks, &to.mark_count) || !argument_u32(context, argv[8], &at))
        return JS_EXCEPTION;
    if ((uint64_t)start + 2ull * ring.mask + 1 >= pair_words)
        return JS_ThrowRangeError(context, "Cannot pull slots: the ring ends beyond its array");
    if ((uint64_t)at + ring.count > slot_count || (uint64_t)at + ring.count > length_count)
        return JS_ThrowRangeError(context, "Cannot pull %u slots to %u: the arrays are shorter", ring.count, at);
    ring.pairs = pairs + start;
    to.slots += at;
    to.lengths += at;
    return JS_NewInt32(context, (int32_t)series_pull(&ring, &to));
}

const JSCFunctionListEntry series_functions[] = {
    JS_CFUNC_DEF("writeSeries", 12, native_write_series), JS_CFUNC_DEF("storeSeries", 8, native_store_series),
    JS_CFUNC_DEF("markSlots", 5, native_mark_slots),      JS_CFUNC_DEF("countAlike", 4, native_count_alike),
    JS_CFUNC_DEF("pushSlots", 8, native_push_slots),      JS_CFUNC_DEF("pullSlots", 9, native_pull_slots),
};
const int series_function_count = sizeof(series_functions) / sizeof(series_functions[0]);
