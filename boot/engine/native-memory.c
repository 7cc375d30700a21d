/* Native functions for physical memory, bulk bytes and records. */
#include "boot.h"
#include "bytes.h"
#include "engine.h"
#include "native.h"
#include "runs.h"
#include "x86.h"

#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv
#define ARRAY_BUFFER_MAX 0x7fffffffull
#define PHYSICAL_END (1ull << 46)

static JSValue native_map_memory(ARGUMENTS)
{
    (void)self, (void)argc;
    uint64_t start, length;
    if (!argument_u64(context, argv[0], &start) || !argument_u64(context, argv[1], &length))
        return JS_EXCEPTION;
    if (length == 0 || length > ARRAY_BUFFER_MAX || start < PAGE_SIZE || start > PHYSICAL_END - length)
        return JS_ThrowRangeError(context, "Cannot map memory: the range is empty, too long, or in page 0");
    /* Bytes are compared, not pages: a ramdisk that is no app need not fill its last page, and firmware may use the rest. */
    if (memory_is_ours(start, start + length))
        return JS_ThrowRangeError(context, "Cannot map memory: the range belongs to the image or the heap");
    if (!map_range(start, start + length, PAGE_WRITABLE | PAGE_UNCACHED | PAGE_NO_EXECUTE))
        return JS_ThrowRangeError(context, "Cannot map memory: no memory is left for page tables");
    return JS_NewArrayBuffer(context, (uint8_t *)start, length, NULL, NULL, false);
}

static JSValue native_allocate_dma(ARGUMENTS)
{
    (void)self, (void)argc;
    uint64_t length, alignment;
    if (!argument_u64(context, argv[0], &length) || !argument_u64(context, argv[1], &alignment))
        return JS_EXCEPTION;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > GIB)
        return JS_ThrowRangeError(context, "Cannot allocate DMA memory: the alignment is not a power of two");
    if (length == 0 || length > ARRAY_BUFFER_MAX)
        return JS_ThrowRangeError(context, "Cannot allocate DMA memory: the length is 0 or above 2^31 - 1");
    void *start = dma_allocate(length, alignment);
    if (start == NULL)
        return JS_ThrowRangeError(context, "Cannot allocate DMA memory: %lu bytes do not fit; give the machine more",
                                  (unsigned long)length);
    return JS_NewArrayBuffer(context, start, length, NULL, NULL, false);
}

static JSValue native_physical_address_of(ARGUMENTS)
{
    (void)self, (void)argc;
    size_t length;
    uint64_t address = (uint64_t)JS_GetArrayBuffer(context, &length, argv[0]);
    if (address == 0)
        return JS_EXCEPTION;
    if (!dma_contains(address) && memory_is_ours(address, address + 1))
        return JS_ThrowTypeError(context, "Cannot tell a physical address: the buffer is not from allocateDma");
    return JS_NewInt64(context, (int64_t)address);
}

static JSValue native_memory_barrier(ARGUMENTS)
{
    (void)context, (void)self, (void)argc, (void)argv;
    full_barrier();
    return JS_UNDEFINED;
}

static JSValue native_copy_bytes(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target, *source;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[4], &target, &length) ||
        !argument_range(context, argv[2], argv[3], argv[4], &source, &length))
        return JS_EXCEPTION;
    bytes_copy(target, source, length);
    return JS_UNDEFINED;
}

static JSValue native_fill_bytes(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target;
    size_t length;
    uint32_t value;
    if (!argument_range(context, argv[0], argv[1], argv[3], &target, &length) ||
        !argument_u32(context, argv[2], &value))
        return JS_EXCEPTION;
    if (value > 0xff)
        return JS_ThrowRangeError(context, "Cannot fill bytes with %u: it is above 255", value);
    bytes_fill(target, (uint8_t)value, length);
    return JS_UNDEFINED;
}

static JSValue native_internet_checksum(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    uint32_t initial;
    if (!argument_range(context, argv[0], argv[1], argv[2], &bytes, &length) ||
        !argument_u32(context, argv[3], &initial))
        return JS_EXCEPTION;
    return JS_NewInt32(context, (int32_t)bytes_checksum(bytes, length, initial));
}

static JSValue native_crc32(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    uint32_t initial;
    if (!argument_range(context, argv[0], argv[1], argv[2], &bytes, &length) ||
        !argument_u32(context, argv[3], &initial))
        return JS_EXCEPTION;
    return JS_NewUint32(context, bytes_crc32(bytes, length, initial));
}

static JSValue native_match_bytes(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes, *pattern, *mask;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[4], &bytes, &length) ||
        !argument_range(context, argv[2], JS_MKVAL(JS_TAG_INT, 0), argv[4], &pattern, &length) ||
        !argument_range(context, argv[3], JS_MKVAL(JS_TAG_INT, 0), argv[4], &mask, &length))
        return JS_EXCEPTION;
    return JS_NewBool(context, bytes_match(bytes, pattern, mask, length));
}

static JSValue native_count_matching(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes, *rules;
    uint16_t *slots;
    size_t length, slot_count, rules_length;
    uint32_t stride, from, to;
    if (!engine_uint8_array(argv[0], &bytes, &length) || !engine_uint16_array(argv[2], &slots, &slot_count) ||
        !engine_uint8_array(argv[5], &rules, &rules_length))
        return JS_ThrowTypeError(context, "Cannot count what matches: an argument is not an array of its kind");
    if (!argument_u32(context, argv[1], &stride) || !argument_u32(context, argv[3], &from) ||
        !argument_u32(context, argv[4], &to))
        return JS_EXCEPTION;
    if (from > to || to > slot_count)
        return JS_ThrowRangeError(context, "Cannot count slots %u to %u: the array has %lu", from, to,
                                  (unsigned long)slot_count);
    for (uint32_t i = from; i < to; i++)
        if ((uint64_t)slots[i] * stride + BYTES_RULE > length)
            return JS_ThrowRangeError(context, "Cannot compare slot %u: it ends beyond the array", slots[i]);
    size_t count =
        bytes_count_matching(bytes, stride, slots + from, to - from, rules, rules_length / (2 * BYTES_RULE));
    return JS_NewInt32(context, (int32_t)count);
}

static bool is_layout_sound(const struct run_layout *layout, size_t mask_length, uint32_t stride)
{
    uint32_t header = layout->header_length;
    return header <= stride && header <= mask_length && layout->sequence_at + 4u <= header &&
           layout->length_at + 2u <= header && layout->header_sum_at + (uint32_t)layout->header_sum_length <= header &&
           layout->text_sum_at <= header;
}

static JSValue native_count_continuing(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes, *mask;
    uint16_t *slots, *layout;
    uint32_t *lengths, stride, from, to;
    size_t length, slot_count, length_count, mask_length, layout_length;
    struct run_rule rule;
    if (!engine_uint8_array(argv[0], &bytes, &length) || !engine_uint16_array(argv[2], &slots, &slot_count) ||
        !engine_uint32_array(argv[3], &lengths, &length_count) || !engine_uint8_array(argv[6], &mask, &mask_length) ||
        !engine_uint16_array(argv[7], &layout, &layout_length))
        return JS_ThrowTypeError(context, "Cannot count what continues: an argument is not an array of its kind");
    if (!argument_u32(context, argv[1], &stride) || !argument_u32(context, argv[4], &from) ||
        !argument_u32(context, argv[5], &to) || !argument_u32(context, argv[8], &rule.unit) ||
        !argument_u32(context, argv[9], &rule.max_length))
        return JS_EXCEPTION;
    if (from > to || to > slot_count || to > length_count)
        return JS_ThrowRangeError(context, "Cannot count slots %u to %u: the arrays are shorter", from, to);
    if (layout_length * sizeof(uint16_t) == sizeof(rule.layout))
        rule.layout = *(const struct run_layout *)layout;
    if (layout_length * sizeof(uint16_t) != sizeof(rule.layout) ||
        !is_layout_sound(&rule.layout, mask_length, stride))
        return JS_ThrowRangeError(context, "Cannot count what continues: the layout is not inside a header");
    rule.mask = mask;
    for (uint32_t i = from; i < to; i++)
        if (((uint64_t)slots[i] + 1) * stride > length)
            return JS_ThrowRangeError(context, "Cannot compare slot %u: it ends beyond the array", slots[i]);
    struct run_frames frames = {bytes, stride, slots + from, lengths + from, to - from};
    return JS_NewInt32(context, (int32_t)runs_count(&frames, &rule));
}

static JSValue native_load_words(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target, *source;
    size_t length;
    if (!argument_range(context, argv[0], JS_MKVAL(JS_TAG_INT, 0), argv[3], &target, &length) ||
        !argument_range(context, argv[1], argv[2], argv[3], &source, &length))
        return JS_EXCEPTION;
    bytes_load_words(target, source, length / 4);
    return JS_UNDEFINED;
}

static JSValue native_store_words(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target, *source;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[3], &target, &length) ||
        !argument_range(context, argv[2], JS_MKVAL(JS_TAG_INT, 0), argv[3], &source, &length))
        return JS_EXCEPTION;
    bytes_load_words(target, source, length / 4);
    return JS_UNDEFINED;
}

static JSValue native_mask_bytes(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target, *source, *key;
    size_t length, key_length;
    if (!argument_range(context, argv[0], argv[1], argv[4], &target, &length) ||
        !argument_range(context, argv[5], JS_MKVAL(JS_TAG_INT, 0), JS_MKVAL(JS_TAG_INT, 4), &key, &key_length) ||
        !argument_range(context, argv[2], argv[3], argv[4], &source, &length))
        return JS_EXCEPTION;
    bytes_mask(target, source, length, key);
    return JS_UNDEFINED;
}

static JSValue native_keyed_hash(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *key, *bytes;
    size_t length;
    if (!argument_range(context, argv[0], JS_MKVAL(JS_TAG_INT, 0), JS_MKVAL(JS_TAG_INT, 8), &key, &length) ||
        !argument_range(context, argv[1], JS_MKVAL(JS_TAG_INT, 0), argv[2], &bytes, &length))
        return JS_EXCEPTION;
    return JS_NewInt32(context, (int32_t)bytes_keyed_hash(key, bytes, length));
}

static JSValue native_copy_record(ARGUMENTS)
{
    (void)self, (void)argc;
    return engine_copy_record(context, argv[0]);
}

const JSCFunctionListEntry memory_functions[] = {
    JS_CFUNC_DEF("mapMemory", 2, native_map_memory),
    JS_CFUNC_DEF("allocateDma", 2, native_allocate_dma),
    JS_CFUNC_DEF("physicalAddressOf", 1, native_physical_address_of),
    JS_CFUNC_DEF("memoryBarrier", 0, native_memory_barrier),
    JS_CFUNC_DEF("copyBytes", 5, native_copy_bytes),
    JS_CFUNC_DEF("fillBytes", 4, native_fill_bytes),
    JS_CFUNC_DEF("internetChecksum", 4, native_internet_checksum),
    JS_CFUNC_DEF("crc32", 4, native_crc32),
    JS_CFUNC_DEF("matchBytes", 5, native_match_bytes),
    JS_CFUNC_DEF("countMatching", 6, native_count_matching),
    JS_CFUNC_DEF("countContinuing", 10, native_count_continuing),
    JS_CFUNC_DEF("loadWords", 4, native_load_words),
    JS_CFUNC_DEF("storeWords", 4, native_store_words),
    JS_CFUNC_DEF("maskBytes", 6, native_mask_bytes),
    JS_CFUNC_DEF("keyedHash", 3, native_keyed_hash),
    JS_CFUNC_DEF("copyRecord", 1, native_copy_record),
};
const int memory_function_count = sizeof(memory_functions) / sizeof(memory_functions[0]);
