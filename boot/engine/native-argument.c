/* The checks that native functions make of their arguments: numbers, and ranges of bytes. */
#include "native.h"
#include "engine.h"

#define NUMBER_MAX 9007199254740991.0 /* 2^53 - 1 */

bool argument_fail_u32(JSContext *context, JSValueConst value, uint32_t *out)
{
    uint64_t wide;
    if (!argument_u64(context, value, &wide))
        return false;
    if (wide > UINT32_MAX) {
        JS_ThrowRangeError(context, "Cannot call a native function: an argument is above 2^32 - 1");
        return false;
    }
    *out = (uint32_t)wide;
    return true;
}

bool argument_u64(JSContext *context, JSValueConst value, uint64_t *out)
{
    double number;
    if (JS_VALUE_GET_TAG(value) == JS_TAG_INT) {
        number = JS_VALUE_GET_INT(value);
    } else if (JS_TAG_IS_FLOAT64(JS_VALUE_GET_TAG(value))) {
        number = JS_VALUE_GET_FLOAT64(value);
    } else {
        JS_ThrowTypeError(context, "Cannot call a native function: an argument is not a number");
        return false;
    }
    if (!(number >= 0 && number <= NUMBER_MAX) || (double)(uint64_t)number != number) {
        JS_ThrowRangeError(context, "Cannot call a native function: an argument is not an integer from 0 to 2^53 - 1");
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

bool argument_range(JSContext *context, JSValueConst array, JSValueConst offset, JSValueConst length,
                    uint8_t **start, size_t *length_out)
{
    size_t size;
    uint32_t from, count;
    if (!engine_uint8_array(array, start, &size)) {
        JS_ThrowTypeError(context, "Cannot call a native function: an argument is not a Uint8Array");
        return false;
    }
    if (!argument_u32(context, offset, &from) || !argument_u32(context, length, &count))
        return false;
    if (from > size || count > size - from) {
        JS_ThrowRangeError(context, "Cannot access bytes %u to %lu: the array has %lu", from,
                           (unsigned long)from + count, (unsigned long)size);
        return false;
    }
    *start += from;
    *length_out = count;
    return true;
}
