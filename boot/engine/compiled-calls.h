/* A part of engine.c: which calls go to functions that the build has compiled. */
#ifndef EREMITE_COMPILED_CALLS_H
#define EREMITE_COMPILED_CALLS_H

/* What a function's bytecode has for us: the collector does not use the field. */
#define NUMBER_OF(bytecode) ((bytecode)->header.dummy2)
#define COMPILED_MAX 1024

/* By the number of a function, which is 0 for most. */
compiled_function *engine_compiled[COMPILED_MAX] = { [0 ... COMPILED_MAX - 1] = compiled_interpret };
/*
 * Debuggers, whose breakpoints are in bytecode, set this and have all of the table interpret; before the guest boots too, so that
 * it is not among what is zeroed then.
 */
__attribute__((section(".data"))) volatile bool engine_interprets = false;

/* JS_CallInternal of an instruction, which does no more with a native function than to pass it on. */
IN_PLACE JSValue call_function(JSContext *context, JSValueConst function, JSValueConst self, JSValueConst new_target,
                               int count, JSValue *arguments, int flags)
{
    if (likely(JS_VALUE_GET_TAG(function) == JS_TAG_OBJECT)) {
        JSObject *object = JS_VALUE_GET_OBJ(function);
        if (object->class_id == JS_CLASS_C_FUNCTION)
            return js_call_c_function(context, function, self, count, (JSValueConst *)arguments, flags);
        if (likely(object->class_id == JS_CLASS_BYTECODE_FUNCTION)) {
            uint32_t number = NUMBER_OF(object->u.func.function_bytecode);
            if (number != 0)
                return engine_compiled[number](context, object, self, count, arguments);
        }
    }
    return JS_CallInternal(context, function, self, new_target, count, arguments, flags);
}

JSValue compiled_interpret(JSContext *context, JSObject *function, JSValueConst self, int count, JSValueConst *arguments)
{
    return JS_CallInternal(context, JS_MKPTR(JS_TAG_OBJECT, function), self, JS_UNDEFINED, count, arguments,
                           JS_CALL_FLAG_COPY_ARGV);
}

JSValue compiled_call(JSContext *context, JSObject *function, JSValueConst self, int count, JSValueConst *arguments)
{
    if (likely(function->class_id == JS_CLASS_BYTECODE_FUNCTION))
        return engine_compiled[NUMBER_OF(function->u.func.function_bytecode)](context, function, self, count, arguments);
    if (likely(function->class_id == JS_CLASS_C_FUNCTION))
        return js_call_c_function(context, JS_MKPTR(JS_TAG_OBJECT, function), self, count, arguments, 0);
    return compiled_interpret(context, function, self, count, arguments);
}

/* Functions in the order in which they were read: one begins before those in it. */
static void attach(const struct compiled_program *program, JSFunctionBytecode *code, uint32_t *index, uint32_t *next)
{
    if (*next < program->function_count && program->places[*next].index == *index) {
        program->codes[*next] = code->byte_code_buf;
        program->constants[*next] = code->cpool;
        (*next)++;
        NUMBER_OF(code) = (uint16_t)*next;
    }
    (*index)++;
    for (int i = 0; i < code->cpool_count; i++)
        if (JS_VALUE_GET_TAG(code->cpool[i]) == JS_TAG_FUNCTION_BYTECODE)
            attach(program, JS_VALUE_GET_PTR(code->cpool[i]), index, next);
}

void engine_attach(JSValueConst module, uint32_t crc32, const struct compiled_program *program)
{
    if (crc32 != program->crc32 || program->function_count >= COMPILED_MAX)
        return;
    const JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    uint32_t index = 0, next = 0;
    attach(program, JS_VALUE_GET_PTR(definition->func_obj), &index, &next);
    for (uint32_t i = 0; i < program->atom_count; i++) {
        const struct compiled_atom *place = &program->atom_places[i];
        program->atoms[i] = get_u32(program->codes[place->function] + place->offset);
    }
    for (uint32_t i = 0; i < program->guess_count; i++)
        program->guesses[i].place = UINT32_MAX;
    for (uint32_t i = 0; i < program->function_count && !engine_interprets; i++)
        engine_compiled[i + 1] = program->places[i].function;
}

#endif
