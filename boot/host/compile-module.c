/*
 * Compiles a bundle to bytecode: compile-module NAME INPUT.js OUTPUT. The same engine objects as in the image are
 * linked here into a program of the host, so the bytecode fits by construction.
 */
#include <errno.h>
#include <quickjs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *action, const char *path)
{
    fprintf(stderr, "Cannot %s %s: %s\n", action, path, strerror(errno));
    exit(1);
}

static char *read_whole(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        fail("read", path);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    if (text == NULL || fread(text, 1, *length, file) != *length)
        fail("read", path);
    text[*length] = '\0'; /* JS_Eval() wants a zero behind the text. */
    fclose(file);
    return text;
}

/* Imports are resolved when the guest loads the module; until then an empty module stands for each. */
static int init_nothing(JSContext *context, JSModuleDef *module)
{
    (void)context, (void)module;
    return 0;
}

static JSModuleDef *stand_in(JSContext *context, const char *name, void *opaque)
{
    (void)opaque;
    return JS_NewCModule(context, name, init_nothing);
}

static char *keep_name(JSContext *context, const char *base, const char *name, void *opaque)
{
    (void)base, (void)opaque;
    return js_strdup(context, name);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: compile-module NAME INPUT.js OUTPUT\n");
        return 2;
    }
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = runtime == NULL ? NULL : JS_NewContext(runtime);
    if (context == NULL)
        fail("start the engine for", argv[1]);
    JS_SetStripInfo(runtime, JS_STRIP_SOURCE);
    JS_SetModuleLoaderFunc(runtime, keep_name, stand_in, NULL);

    size_t length;
    char *text = read_whole(argv[2], &length);
    JSValue module = JS_Eval(context, text, length, argv[1], JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(module)) {
        JSValue error = JS_GetException(context);
        const char *message = JS_ToCString(context, error);
        const char *stack = JS_ToCString(context, JS_GetPropertyStr(context, error, "stack"));
        fprintf(stderr, "%s\n%s", message, stack);
        return 1;
    }
    uint8_t *bytecode = JS_WriteObject(context, &length, module, JS_WRITE_OBJ_BYTECODE);
    FILE *file = fopen(argv[3], "wb");
    if (bytecode == NULL || file == NULL || fwrite(bytecode, 1, length, file) != length || fclose(file) != 0)
        fail("write", argv[3]);
    return 0;
}
