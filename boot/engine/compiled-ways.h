/* A part of engine.c: the long ways of compiled functions. */
#ifndef EREMITE_COMPILED_WAYS_H
#define EREMITE_COMPILED_WAYS_H

JSValue compiled_call_other(JSContext *context)
{
    return JS_ThrowTypeError(context, "not a function");
}

JSValue compiled_construct(JSContext *context, JSValueConst function, JSValueConst target, int count, JSValueConst *arguments)
{
    return JS_CallConstructorInternal(context, function, target, count, arguments, JS_CALL_FLAG_COPY_ARGV);
}

/* The place of a plain field of an object itself, counted from 1; 0 is none. */
static uint32_t own_place(JSObject *object, JSAtom name, int kind, int wanted)
{
    JSShape *shape = object->shape;
    const JSShapeProperty *properties = get_shape_prop(shape) - 1;
    uint32_t place = prop_hash_end(shape)[-(intptr_t)(name & shape->prop_hash_mask) - 1];
    while (place != 0 && properties[place].atom != name)
        place = properties[place].hash_next;
    return place != 0 && (properties[place].flags & kind) == wanted ? place : 0;
}

static void guess_anew(struct field_guess *guess, const JSObject *object, uint32_t place)
{
    guess->place = place - 1;
    memcpy(&guess->property, &object->shape->prop[place - 1], sizeof(guess->property));
}

/*
 * The owner of what is read or written may be borrowed from a field or a variable, which what runs here (accessors, valueOf) may
 * change: the engine goes on with it afterwards, so it is held meanwhile.
 */
JSValue compiled_read(JSContext *context, JSValueConst value, JSAtom name, struct field_guess *guess)
{
    if (likely(JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT)) {
        JSObject *object = JS_VALUE_GET_OBJ(value);
        uint32_t place = own_place(object, name, JS_PROP_TMASK, 0);
        if (place != 0) {
            guess_anew(guess, object, place);
            return JS_DupValue(context, object->prop[place - 1].u.value);
        }
    }
    JSValue owner = JS_DupValue(context, value);
    JSValue found = read_field(context, owner, name);
    let_go(context, owner);
    return found;
}

JSValue compiled_peek(JSContext *context, JSValueConst value, JSAtom name, struct field_guess *guess)
{
    /* The result of an accessor that nobody else holds, until the next such one. */
    static JSValue kept = JS_UNDEFINED;
    JSValue found = compiled_read(context, value, name, guess);
    if (!JS_VALUE_HAS_REF_COUNT(found))
        return found;
    if (((JSRefCountHeader *)JS_VALUE_GET_PTR(found))->ref_count > 1) {
        let_go(context, found);
        return found;
    }
    let_go(context, kept);
    kept = found;
    return found;
}

JSValue compiled_read_method(JSContext *context, JSValueConst value, JSAtom name)
{
    return read_field(context, value, name);
}

int compiled_write(JSContext *context, JSValueConst target, JSAtom name, JSValueConst value, struct field_guess *guess)
{
    if (likely(JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT)) {
        JSObject *object = JS_VALUE_GET_OBJ(target);
        uint32_t place = own_place(object, name, JS_PROP_TMASK | JS_PROP_WRITABLE | JS_PROP_LENGTH, JS_PROP_WRITABLE);
        if (place != 0) {
            guess_anew(guess, object, place);
            set_value(context, &object->prop[place - 1].u.value, JS_DupValue(context, value));
            return TRUE;
        }
    }
    JSValue owner = JS_DupValue(context, target);
    int done = JS_SetPropertyInternal(context, owner, name, JS_DupValue(context, value), owner, JS_PROP_THROW_STRICT);
    let_go(context, owner);
    return done;
}

int compiled_define(JSContext *context, JSValueConst target, JSAtom name, JSValueConst value)
{
    return JS_DefinePropertyValue(context, target, name, JS_DupValue(context, value), JS_PROP_C_W_E | JS_PROP_THROW);
}

JSValue compiled_read_element(JSContext *context, JSValueConst value, JSValueConst index)
{
    if (likely(JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT && JS_VALUE_GET_TAG(index) == JS_TAG_INT))
        return read_element(context, value, index);
    JSValue owner = JS_DupValue(context, value);
    JSValue found = JS_GetPropertyValue(context, owner, JS_DupValue(context, index));
    let_go(context, owner);
    return found;
}

int compiled_write_element(JSContext *context, JSValueConst target, JSValueConst index, JSValueConst value)
{
    JSValue owner = JS_DupValue(context, target);
    int done = write_element(context, owner, JS_DupValue(context, index), JS_DupValue(context, value), JS_PROP_THROW_STRICT);
    let_go(context, owner);
    return done;
}

JSValue compiled_unary(JSContext *context, JSValueConst value, int instruction)
{
    JSValue operand = JS_DupValue(context, value);
    if (instruction == OP_post_inc) {
        /* What is left of a value that is counted up: js_post_inc_slow. */
        if (is_number(operand))
            return operand;
        operand = JS_ToNumericFree(context, operand);
        return operand;
    }
    int result = instruction == OP_not ? js_not_slow(context, &operand + 1)
                                       : js_unary_arith_slow(context, &operand + 1, instruction);
    return result == 0 ? operand : JS_EXCEPTION;
}

/* Numbers that are no int32, at once. */
static bool calculate_numbers(JSValueConst first, JSValueConst second, int instruction, double *result)
{
    if (!is_number(first) || !is_number(second))
        return false;
    double a = number_of(first), b = number_of(second);
    if (instruction == OP_add)
        *result = a + b;
    else if (instruction == OP_sub)
        *result = a - b;
    else if (instruction == OP_mul)
        *result = a * b;
    else if (instruction == OP_div)
        *result = a / b;
    else
        return false;
    return true;
}

JSValue compiled_binary(JSContext *context, JSValueConst first, JSValueConst second, int instruction)
{
    double number;
    if (likely(calculate_numbers(first, second, instruction, &number)))
        return JS_NewFloat64(context, number);
    JSValue operands[2] = { JS_DupValue(context, first), JS_DupValue(context, second) };
    int result;
    switch (instruction) {
    case OP_add:
        result = js_add_slow(context, operands + 2);
        break;
    case OP_shr:
        result = js_shr_slow(context, operands + 2);
        break;
    case OP_and:
    case OP_or:
    case OP_xor:
    case OP_shl:
    case OP_sar:
        result = js_binary_logic_slow(context, operands + 2, instruction);
        break;
    case OP_instanceof:
    case OP_in:
        result = instruction == OP_in ? js_operator_in(context, operands + 2)
                                      : js_operator_instanceof(context, operands + 2);
        /* These leave their operands to the interpreter when they fail. */
        if (result != 0) {
            let_go(context, operands[0]);
            let_go(context, operands[1]);
        }
        break;
    default:
        result = js_binary_arith_slow(context, operands + 2, instruction);
    }
    return result == 0 ? operands[0] : JS_EXCEPTION;
}

int compiled_compare(JSContext *context, JSValueConst first, JSValueConst second, int instruction)
{
    JSValue operands[2] = { JS_DupValue(context, first), JS_DupValue(context, second) };
    int result = 0;
    if (instruction == OP_strict_eq || instruction == OP_strict_neq)
        compare_identity(context, operands + 2, instruction == OP_strict_neq);
    else if (instruction == OP_eq || instruction == OP_neq)
        result = js_eq_slow(context, operands + 2, instruction == OP_neq);
    else
        result = compare_order(context, operands + 2, instruction);
    return result == 0 ? JS_VALUE_GET_BOOL(operands[0]) : -1;
}

int compiled_truth(JSContext *context, JSValueConst value)
{
    return JS_ToBoolFree(context, JS_DupValue(context, value));
}

JSValue compiled_global(JSContext *context, JSAtom name, bool must_be)
{
    return JS_GetGlobalVar(context, name, must_be);
}

JSValue compiled_closure(JSContext *context, JSValueConst code, JSObject *function, JSStackFrame *frame)
{
    return js_closure(context, JS_DupValue(context, code), function->u.func.var_refs, frame);
}

JSValue compiled_object(JSContext *context)
{
    return JS_NewObject(context);
}

JSValue compiled_array(JSContext *context, int count, JSValueConst *elements)
{
    JSValue array = JS_NewArray(context);
    for (int i = 0; i < count && !JS_IsException(array); i++) {
        if (JS_DefinePropertyValue(context, array, __JS_AtomFromUInt32(i), JS_DupValue(context, elements[i]),
                                   JS_PROP_C_W_E | JS_PROP_THROW) < 0) {
            JS_FreeValue(context, array);
            return JS_EXCEPTION;
        }
    }
    return array;
}

JSValue compiled_text(JSContext *context, JSAtom name)
{
    return JS_AtomToValue(context, name);
}

JSValue compiled_type(JSContext *context, JSValueConst value)
{
    return JS_AtomToString(context, js_operator_typeof(context, value));
}

bool compiled_is_type(JSContext *context, JSValueConst value, JSAtom type)
{
    return js_operator_typeof(context, value) == (int)type;
}

JSValue compiled_to_object(JSContext *context, JSValueConst value)
{
    return JS_ToObject(context, value);
}

void compiled_no_property(JSContext *context)
{
    JS_ThrowTypeError(context, "value has no property");
}

JSValue compiled_key(JSContext *context, JSValueConst value)
{
    return JS_ToPropertyKey(context, value);
}

void compiled_close_variable(JSContext *context, JSStackFrame *frame, int index)
{
    close_lexical_var(context, frame, index);
}

void compiled_close_all(JSContext *context, JSStackFrame *frame)
{
    if (!list_empty(&frame->var_ref_list))
        close_var_refs(context->rt, frame);
}

void compiled_uninitialized(JSContext *context, JSObject *function, int index, bool is_reference)
{
    JS_ThrowReferenceErrorUninitialized2(context, function->u.func.function_bytecode, index, is_reference);
}

void compiled_throw(JSContext *context, JSValueConst value)
{
    JS_Throw(context, JS_DupValue(context, value));
}

JSValue compiled_overflow(JSContext *context)
{
    return JS_ThrowStackOverflow(context);
}

void compiled_exception(JSContext *context, JSStackFrame *frame)
{
    (void)frame;
    if (is_backtrace_needed(context, context->rt->current_exception))
        build_backtrace(context, context->rt->current_exception, NULL, 0, 0, 0);
}

void compiled_release(JSContext *context, JSValue value)
{
    __JS_FreeValue(context, value);
}

#endif
