/* Native functions for secure hashes: a state is the caller's, so that work can stop between any two blocks. */
#include "digest.h"
#include "native.h"

#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv

/* The algorithm and the memory of its state, which has at least the size that it must have. */
static bool state_argument(JSContext *context, JSValueConst *argv, uint32_t *algorithm, struct digest_sizes *sizes, uint8_t **state)
{
    size_t length;
    if (!argument_u32(context, argv[0], algorithm))
        return false;
    if (!digest_sizes(*algorithm, sizes)) {
        JS_ThrowRangeError(context, "Cannot hash by algorithm %u: there are 1, 256, 384 and 512", *algorithm);
        return false;
    }
    return argument_range(context, argv[1], JS_MKVAL(JS_TAG_INT, 0), JS_MKVAL(JS_TAG_INT, (int)sizes->state), state, &length);
}

static JSValue native_start_digest(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t algorithm;
    struct digest_sizes sizes;
    uint8_t *state;
    if (!state_argument(context, argv, &algorithm, &sizes, &state))
        return JS_EXCEPTION;
    digest_start(algorithm, state);
    return JS_UNDEFINED;
}

static JSValue native_digest_blocks(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t algorithm;
    struct digest_sizes sizes;
    uint8_t *state, *bytes;
    size_t length;
    if (!state_argument(context, argv, &algorithm, &sizes, &state) ||
        !argument_range(context, argv[2], argv[3], argv[4], &bytes, &length))
        return JS_EXCEPTION;
    if (length % sizes.block != 0)
        return JS_ThrowRangeError(context, "Cannot hash %lu bytes: they are not whole blocks of %lu", (unsigned long)length,
                                  (unsigned long)sizes.block);
    digest_blocks(algorithm, state, bytes, length);
    return JS_UNDEFINED;
}

const JSCFunctionListEntry digest_functions[] = {
    JS_CFUNC_DEF("startDigest", 2, native_start_digest),
    JS_CFUNC_DEF("digestBlocks", 5, native_digest_blocks),
};
const int digest_function_count = sizeof(digest_functions) / sizeof(digest_functions[0]);
