/* The C module `eremite:native`, the only surface between C and TypeScript (kernel/hal/native.d.ts). */
#include "native.h"

static int export_functions(JSContext *context, JSModuleDef *module)
{
    return JS_SetModuleExportList(context, module, platform_functions, platform_function_count) ||
           JS_SetModuleExportList(context, module, memory_functions, memory_function_count) ||
           JS_SetModuleExportList(context, module, series_functions, series_function_count) ||
           JS_SetModuleExportList(context, module, text_functions, text_function_count) ||
           JS_SetModuleExportList(context, module, digest_functions, digest_function_count) ||
           JS_SetModuleExportList(context, module, program_functions, program_function_count);
}

bool native_module_init(JSContext *context)
{
    JSModuleDef *module = JS_NewCModule(context, "eremite:native", export_functions);
    return module != NULL &&
           JS_AddModuleExportList(context, module, platform_functions, platform_function_count) == 0 &&
           JS_AddModuleExportList(context, module, memory_functions, memory_function_count) == 0 &&
           JS_AddModuleExportList(context, module, series_functions, series_function_count) == 0 &&
           JS_AddModuleExportList(context, module, text_functions, text_function_count) == 0 &&
           JS_AddModuleExportList(context, module, digest_functions, digest_function_count) == 0 &&
           JS_AddModuleExportList(context, module, program_functions, program_function_count) == 0;
}
