/*
 * Runs a module's bytecode on the machine that builds, its functions compiled or not: run-module FILE CRC32. With the checksum that
 * the compiled functions are for they are called, with another one all is interpreted. What print() is given is the output.
 */
#include <quickjs.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine.h"

static JSValue print(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    const char *text = JS_ToCString(context, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    puts(text);
    JS_FreeCString(context, text);
    return JS_UNDEFINED;
}

static uint8_t *read_whole(const char *path, size_t *length)
{
    static uint8_t bytes[4 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    *length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: run-module FILE CRC32\n");
        return 2;
    }
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    JSValue global = JS_GetGlobalObject(context);
    JS_SetPropertyStr(context, global, "print", JS_NewCFunction(context, print, "print", 1));
    JS_FreeValue(context, global);
    size_t length;
    uint8_t *bytes = read_whole(argv[1], &length);
    JSValue module = JS_ReadObject(context, bytes, length, JS_READ_OBJ_BYTECODE);
    if (JS_IsException(module))
        return 1;
    engine_attach(module, (uint32_t)strtoul(argv[2], NULL, 10), &compiled_kernel);
    JSValue promise = JS_EvalFunction(context, module);
    if (JS_PromiseState(context, promise) != JS_PROMISE_FULFILLED) {
        JSValue reason = JS_PromiseResult(context, promise);
        print(context, JS_UNDEFINED, 1, &reason);
        return 1;
    }
    JS_FreeValue(context, promise);
    JS_RunGC(runtime);
    JSMemoryUsage usage;
    JS_ComputeMemoryUsage(runtime, &usage);
    printf("left: %lld objects, %lld strings, %lld atoms, %lld shapes\n", (long long)usage.obj_count,
           (long long)usage.str_count, (long long)usage.atom_count, (long long)usage.shape_count);
    return 0;
}
