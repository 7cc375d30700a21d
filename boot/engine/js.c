/*
 * The engine: runtime, context, the kernel's module, its main(), and what happens when that throws. All before main() does not
 * depend on the machine, and an image with a snapshot has it behind it.
 */
#include <stdio.h>
#include <string.h>
#include "boot.h"
#include "container.h"
#include "engine.h"
#include "heap.h"
#include "native.h"

#define GC_THRESHOLD (8 * MIB)
#define STACK_LINES_SHOWN 30
/* Of its module, as the build has named it. */
#define KERNEL_NAME "eremite"

extern const uint8_t kernel_container[], kernel_container_end[], kernel_positions[], kernel_positions_end[];

JSRuntime *g_js_rt;
static JSContext *kernel_context;
static JSModuleDef *kernel_module;

/* Maps a stack text. Endless recursion makes thousands of equal lines: the first ones are shown, the rest counted. */
static void map_stack(char *target, size_t size, const char *text, size_t length)
{
    size_t lines = 0, shown = length;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n' && ++lines == STACK_LINES_SHOWN)
            shown = i + 1;
    size_t end = position_map_text(target, size, text, shown);
    if (lines > STACK_LINES_SHOWN)
        snprintf(target + end, size - end, "    ... %lu more\n", (unsigned long)(lines - STACK_LINES_SHOWN));
}

/* Takes a value that was thrown: its text and its mapped stack go into the report that ends the guest. */
static noreturn void uncaught(JSContext *context, JSValue thrown)
{
    static char message[2048], stack[8192];
    size_t length;
    const char *text = JS_ToCStringLen(context, &length, thrown);
    if (text == NULL) {
        JS_FreeValue(context, JS_GetException(context));
        text = JS_IsNull(thrown) ? "out of memory" : "a value that has no text";
        length = strlen(text);
    }
    const char *prefix = "Uncaught ";
    size_t room = sizeof(message) - strlen(prefix) - 1;
    strcpy(message, prefix);
    strncat(message, text, length < room ? length : room);

    if (JS_IsError(context, thrown)) {
        JSValue property = JS_GetPropertyStr(context, thrown, "stack");
        const char *lines = JS_IsString(property) ? JS_ToCStringLen(context, &length, property) : NULL;
        if (lines != NULL)
            map_stack(stack, sizeof(stack), lines, length);
    }
    panic(EXIT_UNCAUGHT, message, stack);
}

JSValue native_run_pending_jobs(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self;
    int32_t limit = INT32_MAX, count = 0;
    if (argc > 0 && !JS_IsUndefined(argv[0]) && JS_ToInt32(context, &limit, argv[0]) != 0)
        return JS_EXCEPTION;
    for (; count < limit; count++) {
        JSContext *job_context;
        int result = JS_ExecutePendingJob(g_js_rt, &job_context);
        if (result < 0)
            return JS_EXCEPTION;
        if (result == 0)
            break;
    }
    return JS_NewInt32(context, rejections_wait() ? ~count : count);
}

/* Runs jobs, then ends the guest unless the promise is fulfilled. */
static void settle(JSContext *context, JSValue promise, const char *pending)
{
    JSValue jobs = native_run_pending_jobs(context, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(jobs))
        uncaught(context, JS_GetException(context));
    JSPromiseStateEnum state = JS_PromiseState(context, promise);
    if (state == JS_PROMISE_REJECTED)
        uncaught(context, JS_PromiseResult(context, promise));
    if (state == JS_PROMISE_PENDING)
        panic(EXIT_UNCAUGHT, pending, "");
    JS_FreeValue(context, promise);
}

static JSModuleDef *load_kernel(JSContext *context)
{
    size_t length = (size_t)(kernel_container_end - kernel_container);
    if (!position_map_register(KERNEL_NAME, kernel_positions, (uint32_t)(kernel_positions_end - kernel_positions)))
        fail_boot("Cannot boot: the position map of the kernel is damaged");
    JSValue module = program_read(context, kernel_container, length, "");
    if (JS_IsException(module))
        uncaught(context, JS_GetException(context));
    boot_stage("bytecode");
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue promise = JS_EvalFunction(context, module);
    if (JS_IsException(promise))
        uncaught(context, JS_GetException(context));
    settle(context, promise, "Cannot start: the kernel module waits for something that never happens");
    return definition;
}

static void use_this_stack(void)
{
    JS_UpdateStackTop(g_js_rt);
    JS_SetMaxStackSize(g_js_rt, STACK_SIZE - STACK_RESERVE);
}

/* The kernel's module evaluated, in an engine that is made for it. */
static void start_engine(void)
{
    g_js_rt = JS_NewRuntime2(&heap_functions, NULL);
    if (g_js_rt == NULL)
        fail_boot("Cannot boot: no memory for the JavaScript runtime; give the machine 64 MiB (-m 64)");
    use_this_stack();
    JS_SetGCThreshold(g_js_rt, GC_THRESHOLD);
    rejections_init(g_js_rt);
    program_init(g_js_rt);
    boot_stage("runtime");

    kernel_context = JS_NewContext(g_js_rt);
    if (kernel_context == NULL || !native_module_init(kernel_context))
        fail_boot("Cannot boot: no memory for the JavaScript context; give the machine 64 MiB (-m 64)");
    boot_stage("context");

    kernel_module = load_kernel(kernel_context);
}

/* Seeded from the clock, as an engine that starts here is. */
static void resume_engine(void)
{
    use_this_stack();
    engine_seed(kernel_context, realtime_ns() ^ monotonic_ns());
}

noreturn void js_run(void)
{
    if (snapshot_is_there()) {
        resume_engine();
    } else if (snapshot_is_wanted()) {
        pages_confine_to_image();
        start_engine();
        engine_forget_machine(kernel_context);
        snapshot_take();
    } else {
        start_engine();
    }
    JSContext *context = kernel_context;
    JSValue namespace = JS_GetModuleNamespace(context, kernel_module);
    JSValue function = JS_GetPropertyStr(context, namespace, "main");
    boot_stage("main");
    JSValue result = JS_Call(context, function, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(result))
        uncaught(context, JS_GetException(context));
    if ((int)JS_PromiseState(context, result) >= 0)
        settle(context, result, "Cannot go on: main() waits for something that never happens");
    exit_guest(EXIT_CLEAN);
}
