/* Compiled programs: reading containers, what they may import, and loadApp(). */
#include <string.h>
#include "boot.h"
#include "container.h"
#include "engine.h"
#include "native.h"

#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv
#define APP_PREFIX "app:"

extern const uint8_t kernel_container[], app_container[], app_container_end[];

static char *keep_module_name(JSContext *context, const char *base, const char *name, void *opaque)
{
    (void)opaque;
    /* An app reaches the machine through `eremite` only. */
    if (strncmp(base, APP_PREFIX, strlen(APP_PREFIX)) == 0 && strcmp(name, "eremite") != 0) {
        JS_ThrowReferenceError(context, "Cannot import '%s': an app can import only 'eremite'; "
                               "everything else must be part of its bundle", name);
        return NULL;
    }
    return js_strdup(context, name);
}

static JSModuleDef *refuse_module(JSContext *context, const char *name, void *opaque)
{
    (void)opaque;
    JS_ThrowReferenceError(context, "Cannot import '%s': the image has no such module", name);
    return NULL;
}

void program_init(JSRuntime *runtime)
{
    JS_SetModuleLoaderFunc(runtime, keep_module_name, refuse_module, NULL);
}

/* A module value, its imports resolved, from a container; its position map gets known under the module's name. */
JSValue program_read(JSContext *context, const uint8_t *bytes, size_t length, const char *prefix)
{
    struct container container;
    char name[sizeof(container.name) + sizeof(APP_PREFIX)];
    bool is_part_of_image = bytes == app_container || (!snapshot_is_there() && bytes == kernel_container);
    const char *problem = container_open(&container, bytes, length, is_part_of_image);
    if (problem != NULL)
        return JS_ThrowTypeError(context, "Cannot load the program: %s", problem);
    strcpy(name, prefix);
    strcat(name, container.name);
    if (container.position_map_length > 0 &&
        !position_map_register(name, container.position_map, container.position_map_length))
        return JS_ThrowTypeError(context, "Cannot load the program: its position map is damaged");
    JSValue module = JS_ReadObject(context, container.bytecode, container.bytecode_length, JS_READ_OBJ_BYTECODE);
    if (JS_IsException(module))
        return module;
    if (JS_VALUE_GET_TAG(module) != JS_TAG_MODULE) {
        JS_FreeValue(context, module);
        return JS_ThrowTypeError(context, "Cannot load the program: its bytecode is not a module");
    }
    if (is_part_of_image)
        engine_attach(module, container.crc32, &compiled_kernel);
    if (JS_ResolveModule(context, module) != 0) {
        JS_FreeValue(context, module);
        return JS_EXCEPTION;
    }
    return module;
}

static JSValue return_data(JSContext *context, JSValueConst self, int argc, JSValueConst *argv, int magic,
                           JSValue *data)
{
    (void)self, (void)argc, (void)argv, (void)magic;
    return JS_DupValue(context, data[0]);
}

/* promise.then(() => namespace) */
static JSValue then_namespace(JSContext *context, JSValue promise, JSModuleDef *module)
{
    JSValue namespace = JS_GetModuleNamespace(context, module);
    JSValue function = JS_NewCFunctionData(context, return_data, 0, 0, 1, &namespace);
    JSAtom then = JS_NewAtom(context, "then");
    JSValue result = JS_Invoke(context, promise, then, 1, &function);
    JS_FreeAtom(context, then);
    JS_FreeValue(context, function);
    JS_FreeValue(context, namespace);
    JS_FreeValue(context, promise);
    return result;
}

static JSValue rejected_promise(JSContext *context)
{
    JSValue resolvers[2], reason = JS_GetException(context);
    JSValue promise = JS_NewPromiseCapability(context, resolvers);
    if (!JS_IsException(promise)) {
        JS_FreeValue(context, JS_Call(context, resolvers[1], JS_UNDEFINED, 1, &reason));
        JS_FreeValue(context, resolvers[0]);
        JS_FreeValue(context, resolvers[1]);
    }
    JS_FreeValue(context, reason);
    return promise;
}

static JSValue native_load_app(ARGUMENTS)
{
    (void)self, (void)argc;
    size_t length;
    const uint8_t *bytes = JS_GetArrayBuffer(context, &length, argv[0]);
    if (bytes == NULL)
        return rejected_promise(context);
    JSValue module = program_read(context, bytes, length, APP_PREFIX);
    if (JS_IsException(module))
        return rejected_promise(context);
    /* The position map stays in use for good, so the container must not be freed: this reference is never dropped. */
    JS_DupValue(context, argv[0]);
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue promise = JS_EvalFunction(context, module);
    if (JS_IsException(promise))
        return rejected_promise(context);
    if (JS_PromiseState(context, promise) == JS_PROMISE_REJECTED) {
        /* The engine also rejects an inner promise of the module, which nobody can ever handle. */
        JSValue reason = JS_PromiseResult(context, promise);
        rejections_forget(context, reason);
        JS_FreeValue(context, reason);
    }
    return then_namespace(context, promise, definition);
}

static JSValue native_builtin_app(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    size_t length = (size_t)(app_container_end - app_container);
    return JS_NewArrayBuffer(context, (uint8_t *)app_container, length, NULL, NULL, false);
}

const JSCFunctionListEntry program_functions[] = {
    JS_CFUNC_DEF("runPendingJobs", 0, native_run_pending_jobs),
    JS_CFUNC_DEF("takeUnhandledRejection", 0, native_take_unhandled_rejection),
    JS_CFUNC_DEF("loadApp", 1, native_load_app),
    JS_CFUNC_DEF("builtinApp", 0, native_builtin_app),
};
const int program_function_count = sizeof(program_functions) / sizeof(program_functions[0]);
