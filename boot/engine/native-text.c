/* Native functions for UTF-8 text, heads of HTTP, console, events and mapped stack traces. */
#include <string.h>
#include "boot.h"
#include "bytes.h"
#include "container.h"
#include "engine.h"
#include "native.h"

#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv
/* A mapped position is at most this much longer than the name of its module. */
#define MAPPED_GROWTH 24

static JSValue native_encode_utf8(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target;
    size_t size, length;
    uint32_t offset;
    if (!engine_uint8_array(argv[1], &target, &size))
        return JS_ThrowTypeError(context, "Cannot encode text: the target is not a Uint8Array");
    if (!argument_u32(context, argv[2], &offset))
        return JS_EXCEPTION;
    if (offset > size)
        return JS_ThrowRangeError(context, "Cannot encode text at %u: the array has %lu bytes", offset,
                                  (unsigned long)size);
    const char *text = JS_ToCStringLen(context, &length, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    length = utf8_prefix((const uint8_t *)text, length, size - offset);
    bytes_copy(target + offset, (const uint8_t *)text, length);
    utf8_replace_surrogates(target + offset, length);
    JS_FreeCString(context, text);
    return JS_NewInt64(context, (int64_t)length);
}

static JSValue native_decode_utf8(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[2], &bytes, &length))
        return JS_EXCEPTION;
    if (utf8_valid_length(bytes, length) == length)
        return JS_NewStringLen(context, (const char *)bytes, length);
    uint8_t *repaired = js_malloc(context, 3 * length);
    if (repaired == NULL)
        return JS_EXCEPTION;
    JSValue text = JS_NewStringLen(context, (const char *)repaired, utf8_repair(repaired, bytes, length));
    js_free(context, repaired);
    return text;
}

static JSValue native_is_utf8(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[2], &bytes, &length))
        return JS_EXCEPTION;
    return JS_NewBool(context, utf8_valid_length(bytes, length) == length);
}

static JSValue write_text(JSContext *context, JSValueConst self, int argc, JSValueConst *argv, int to_event)
{
    (void)self, (void)argc;
    size_t length;
    const char *text = JS_ToCStringLen(context, &length, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    if (to_event != 0)
        event_write(text, length);
    else
        console_write(text, length);
    JS_FreeCString(context, text);
    return JS_UNDEFINED;
}

static JSValue native_flush_console(ARGUMENTS)
{
    (void)context, (void)self, (void)argc, (void)argv;
    console_flush();
    return JS_UNDEFINED;
}

static JSValue native_head_length(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[2], &bytes, &length))
        return JS_EXCEPTION;
    return JS_NewInt64(context, (int64_t)bytes_head_length(bytes, length));
}

static JSValue native_map_stack_trace(ARGUMENTS)
{
    (void)self, (void)argc;
    size_t length;
    const char *text = JS_ToCStringLen(context, &length, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    size_t size = length * MAPPED_GROWTH + 1024;
    char *mapped = js_malloc(context, size);
    JSValue result = JS_EXCEPTION;
    if (mapped != NULL)
        result = JS_NewStringLen(context, mapped, position_map_text(mapped, size, text, length));
    js_free(context, mapped);
    JS_FreeCString(context, text);
    return result;
}

const JSCFunctionListEntry text_functions[] = {
    JS_CFUNC_DEF("encodeUtf8", 3, native_encode_utf8),
    JS_CFUNC_DEF("decodeUtf8", 3, native_decode_utf8),
    JS_CFUNC_DEF("isUtf8", 3, native_is_utf8),
    JS_CFUNC_DEF("headLength", 3, native_head_length),
    JS_CFUNC_MAGIC_DEF("writeConsole", 1, write_text, 0),
    JS_CFUNC_DEF("flushConsole", 0, native_flush_console),
    JS_CFUNC_MAGIC_DEF("writeEvent", 1, write_text, 1),
    JS_CFUNC_DEF("mapStackTrace", 1, native_map_stack_trace),
};
const int text_function_count = sizeof(text_functions) / sizeof(text_functions[0]);
