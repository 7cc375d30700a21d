/* Shared by js.c and native*.c: the argument checks of native functions and the engine's global state. */
#ifndef EREMITE_NATIVE_H
#define EREMITE_NATIVE_H

#include <quickjs.h>
#include <stdbool.h>
#include <stdint.h>

/* main.c: the page below the stack of JavaScript. */
extern uint64_t stack_guard;

/* js.c: gdb scripts start at the runtime. */
extern JSRuntime *g_js_rt;
JSValue native_run_pending_jobs(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);

/* native.c */
bool native_module_init(JSContext *context);

/* native-argument.c */
bool argument_fail_u32(JSContext *context, JSValueConst value, uint32_t *out);
bool argument_u64(JSContext *context, JSValueConst value, uint64_t *out);
bool argument_range(JSContext *context, JSValueConst array, JSValueConst offset, JSValueConst length,
                    uint8_t **start, size_t *length_out);

/* An integer in 0..2^32-1; small ones, which are nearly all, cost two comparisons. */
static inline bool argument_u32(JSContext *context, JSValueConst value, uint32_t *out)
{
    if (JS_VALUE_GET_TAG(value) == JS_TAG_INT && JS_VALUE_GET_INT(value) >= 0) {
        *out = (uint32_t)JS_VALUE_GET_INT(value);
        return true;
    }
    return argument_fail_u32(context, value, out);
}

extern const JSCFunctionListEntry platform_functions[], memory_functions[], series_functions[], text_functions[],
    digest_functions[], program_functions[];
extern const int platform_function_count, memory_function_count, series_function_count, text_function_count,
    digest_function_count, program_function_count;

/* rejections.c */
void rejections_init(JSRuntime *runtime);
/* Drops rejections with this reason: someone else reports it. */
void rejections_forget(JSContext *context, JSValueConst reason);
bool rejections_wait(void);
JSValue native_take_unhandled_rejection(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);

/* program.c: loading compiled modules. */
void program_init(JSRuntime *runtime);
JSValue program_read(JSContext *context, const uint8_t *bytes, size_t length, const char *prefix);

#endif
