/*
 * QuickJS, unmodified, a short way to fields for its interpreter, and the functions that must see its private structures: the call
 * frames for a report that may not allocate, and the bytes of a typed array without three calls.
 */
#include <stdbool.h>

#include <quickjs.h>

/*
 * A third of what a packet costs is reads and writes of fields, and most of that is on the way to the one line that finds them. While
 * the engine is compiled, the names of its two functions stand for ones that look there first and go the engine's way otherwise. So do
 * those of what each jump, each value that is let go, and each comparison of numbers that are no int32 goes through.
 */
#define IN_PLACE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

IN_PLACE JSValue read_field(JSContext *context, JSValueConst value, JSAtom name);
IN_PLACE int write_field(JSContext *context, JSValueConst target, JSAtom name, JSValue value, JSValueConst receiver,
                         int flags, bool is_own);
IN_PLACE JSValue call_function(JSContext *context, JSValueConst function, JSValueConst self, JSValueConst new_target,
                               int count, JSValue *arguments, int flags);
IN_PLACE void let_go(JSContext *context, JSValue value);
IN_PLACE int nobody_interrupts(JSContext *context);
APART JSValue read_element(JSContext *context, JSValueConst value, JSValue index);
APART int write_element(JSContext *context, JSValueConst target, JSValue index, JSValue value, int flags);
APART int compare_order(JSContext *context, JSValue *top, int instruction);
APART int compare_identity(JSContext *context, JSValue *top, int negated);
APART int calculate(JSContext *context, JSValue *top, int instruction);

/* Not a part of those that call them when the short way ends: what they keep in registers would be saved on the short way, too. */
APART JSValue JS_GetPropertyValue(JSContext *context, JSValueConst value, JSValue index);
APART int JS_SetPropertyValue(JSContext *context, JSValueConst target, JSValue index, JSValue value, int flags);

#define SECOND_OF(first, second, ...) second
#define SECOND(...) SECOND_OF(__VA_ARGS__)
/* Instructions name this flag where they write a field; where the function is defined, `int flags` stands in that place. */
#define WRITE_WITH_JS_PROP_THROW_STRICT 0, WRITE_FIELD
/* But for `super`, the object that is written to is the one that is looked at, and named the same. */
#define WRITE_FIELD(context, target, name, value, receiver, flags) \
    write_field(context, target, name, value, receiver, flags, __builtin_strcmp(#target, #receiver) == 0)
#define JS_SetPropertyInternal(context, target, name, value, receiver, flags) \
    SECOND(WRITE_WITH_##flags, JS_SetPropertyInternal, 0)(context, target, name, value, receiver, flags)
#define JS_GetProperty(context, value, name) read_field(context, value, name)
#define JS_FreeValue(context, value) let_go(context, value)
#define CALL_WITH_call_argc 0, call_function
#define JS_CallInternal(context, function, self, new_target, count, arguments, flags) \
    SECOND(CALL_WITH_##count, JS_CallInternal, 0)(context, function, self, new_target, count, arguments, flags)
/* By the name of the first argument where instructions call, which is its type where the function is defined. */
#define INTERRUPTS_OF_ctx 0, nobody_interrupts
#define INTERRUPTS_OF_caller_ctx 0, nobody_interrupts
#define js_poll_interrupts(context) SECOND(INTERRUPTS_OF_##context, js_poll_interrupts, 0)(context)
#define READ_ELEMENT_ctx 0, read_element
#define JS_GetPropertyValue(context, value, index) \
    SECOND(READ_ELEMENT_##context, JS_GetPropertyValue, 0)(context, value, index)
#define WRITE_ELEMENT_WITH_JS_PROP_THROW_STRICT 0, write_element
#define JS_SetPropertyValue(context, target, index, value, flags) \
    SECOND(WRITE_ELEMENT_WITH_##flags, JS_SetPropertyValue, 0)(context, target, index, value, flags)
#define COMPARE_BY_opcode 0, compare_order
#define js_relational_slow(context, top, instruction) \
    SECOND(COMPARE_BY_##instruction, js_relational_slow, 0)(context, top, instruction)
#define CALCULATE_BY_opcode 0, calculate
#define js_binary_arith_slow(context, top, instruction) \
    SECOND(CALCULATE_BY_##instruction, js_binary_arith_slow, 0)(context, top, instruction)
#define COMPARE_NEGATED_0 0, compare_identity
#define COMPARE_NEGATED_1 0, compare_identity
#define js_strict_eq_slow(context, top, negated) \
    SECOND(COMPARE_NEGATED_##negated, js_strict_eq_slow, 0)(context, top, negated)

#include <quickjs.c>

#undef JS_GetProperty
#undef JS_SetPropertyInternal
#undef JS_FreeValue
#undef JS_CallInternal
#undef js_poll_interrupts
#undef JS_GetPropertyValue
#undef JS_SetPropertyValue
#undef js_relational_slow
#undef js_strict_eq_slow
#undef js_binary_arith_slow

#include "compiled.h"
#include "engine.h"
#include "copy-record.h"
#include "machine-state.h"
#include "compiled-calls.h"

/* What JS_GetPropertyInternal does when the object, or one that it inherits from, has a plain field of the name. */
IN_PLACE JSValue read_field(JSContext *context, JSValueConst value, JSAtom name)
{
    /*
     * The engine's own look-ups, which name an atom, are rare but for the instruction that reads a length: in all those places the
     * short way would be no more than long code.
     */
    bool is_often = !__builtin_constant_p(name) || name == JS_ATOM_length;
    if (is_often && likely(JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT)) {
        const JSObject *object = JS_VALUE_GET_OBJ(value);
        do {
            JSShape *shape = object->shape;
            /* Places in a chain count from 1; 0 ends it. find_own_property says the same in more instructions. */
            const JSShapeProperty *properties = get_shape_prop(shape) - 1;
            uint32_t place = prop_hash_end(shape)[-(intptr_t)(name & shape->prop_hash_mask) - 1];
            while (place != 0) {
                const JSShapeProperty *property = &properties[place];
                if (likely(property->atom == name)) {
                    if (unlikely((property->flags & JS_PROP_TMASK) != 0))
                        goto the_engines_way;
                    return JS_DupValue(context, object->prop[place - 1].u.value);
                }
                place = property->hash_next;
            }
            if (unlikely(object->is_exotic))
                break;
            object = shape->proto;
        } while (object != NULL);
    }
the_engines_way:
    return JS_GetPropertyInternal(context, value, name, value, 0);
}

/* What JS_SetPropertyInternal does when the object itself has a plain field of the name that may be written. */
IN_PLACE int write_field(JSContext *context, JSValueConst target, JSAtom name, JSValue value, JSValueConst receiver,
                         int flags, bool is_own)
{
    if (is_own && likely(JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT)) {
        const int kind = JS_PROP_TMASK | JS_PROP_WRITABLE | JS_PROP_LENGTH;
        JSObject *object = JS_VALUE_GET_OBJ(target);
        JSShape *shape = object->shape;
        const JSShapeProperty *properties = get_shape_prop(shape) - 1;
        uint32_t place = prop_hash_end(shape)[-(intptr_t)(name & shape->prop_hash_mask) - 1];
        while (place != 0) {
            const JSShapeProperty *property = &properties[place];
            if (likely(property->atom == name)) {
                if (unlikely((property->flags & kind) != JS_PROP_WRITABLE))
                    break;
                set_value(context, &object->prop[place - 1].u.value, value);
                return TRUE;
            }
            place = property->hash_next;
        }
    }
    return JS_SetPropertyInternal(context, target, name, value, receiver, flags);
}

/* JS_FreeValue. A count that is 0 before is of a value that nobody holds: it need not be looked for. */
IN_PLACE void let_go(JSContext *context, JSValue value)
{
    if (JS_VALUE_HAS_REF_COUNT(value)) {
        JSRefCountHeader *header = JS_VALUE_GET_PTR(value);
        if (unlikely(--header->ref_count == 0))
            __JS_FreeValue(context, value);
    }
}

/* js_poll_interrupts, which counts jumps and calls for a handler that nobody sets: engine.h sees to that. */
IN_PLACE int nobody_interrupts(JSContext *context)
{
    (void)context;
    return 0;
}

/* What JS_GetPropertyValue does with an array, or a typed one of the kinds that packets are read with. */
APART JSValue read_element(JSContext *context, JSValueConst value, JSValue index)
{
    if (likely(JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT && JS_VALUE_GET_TAG(index) == JS_TAG_INT)) {
        const JSObject *object = JS_VALUE_GET_OBJ(value);
        uint32_t place = (uint32_t)JS_VALUE_GET_INT(index);
        int kind = object->class_id;
        if (kind == JS_CLASS_ARRAY) {
            if (likely(place < object->u.array.count))
                return JS_DupValue(context, object->u.array.u.values[place]);
        } else if (kind >= JS_CLASS_UINT8_ARRAY && kind <= JS_CLASS_UINT32_ARRAY && likely(place < object->u.array.count)) {
            if (kind == JS_CLASS_INT32_ARRAY)
                return JS_NewInt32(context, object->u.array.u.int32_ptr[place]);
            if (kind == JS_CLASS_UINT32_ARRAY)
                return JS_NewUint32(context, object->u.array.u.uint32_ptr[place]);
            if (kind == JS_CLASS_UINT16_ARRAY)
                return JS_NewInt32(context, object->u.array.u.uint16_ptr[place]);
            if (kind == JS_CLASS_UINT8_ARRAY)
                return JS_NewInt32(context, object->u.array.u.uint8_ptr[place]);
        }
    }
    return JS_GetPropertyValue(context, value, index);
}

/* What JS_SetPropertyValue does with an element that is there, and with an int32 in a typed array. */
APART int write_element(JSContext *context, JSValueConst target, JSValue index, JSValue value, int flags)
{
    if (likely(JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT && JS_VALUE_GET_TAG(index) == JS_TAG_INT)) {
        JSObject *object = JS_VALUE_GET_OBJ(target);
        uint32_t place = (uint32_t)JS_VALUE_GET_INT(index);
        int kind = object->class_id;
        if (kind == JS_CLASS_ARRAY) {
            if (likely(place < object->u.array.count)) {
                set_value(context, &object->u.array.u.values[place], value);
                return TRUE;
            }
        } else if (JS_VALUE_GET_TAG(value) == JS_TAG_INT && kind >= JS_CLASS_UINT8_ARRAY &&
                   kind <= JS_CLASS_UINT32_ARRAY && likely(place < object->u.array.count)) {
            uint32_t number = (uint32_t)JS_VALUE_GET_INT(value);
            if (kind == JS_CLASS_UINT8_ARRAY)
                object->u.array.u.uint8_ptr[place] = (uint8_t)number;
            else if (kind >= JS_CLASS_INT32_ARRAY)
                object->u.array.u.uint32_ptr[place] = number;
            else
                object->u.array.u.uint16_ptr[place] = (uint16_t)number;
            return TRUE;
        }
    }
    return JS_SetPropertyValue(context, target, index, value, flags);
}

static inline bool is_number(JSValueConst value)
{
    int tag = JS_VALUE_GET_TAG(value);
    return tag == JS_TAG_INT || JS_TAG_IS_FLOAT64(tag);
}

static inline double number_of(JSValueConst value)
{
    return JS_VALUE_GET_TAG(value) == JS_TAG_INT ? (double)JS_VALUE_GET_INT(value) : JS_VALUE_GET_FLOAT64(value);
}

/* What js_relational_slow does with two numbers. */
APART int compare_order(JSContext *context, JSValue *top, int instruction)
{
    if (unlikely(!is_number(top[-2]) || !is_number(top[-1])))
        return js_relational_slow(context, top, instruction);
    double a = number_of(top[-2]), b = number_of(top[-1]);
    bool result;
    if (instruction == OP_lt)
        result = a < b;
    else if (instruction == OP_lte)
        result = a <= b;
    else if (instruction == OP_gt)
        result = a > b;
    else
        result = a >= b;
    top[-2] = JS_NewBool(context, result);
    return 0;
}

/* What js_binary_arith_slow does with two numbers; a remainder and a power are its own. */
APART int calculate(JSContext *context, JSValue *top, int instruction)
{
    if (unlikely(!is_number(top[-2]) || !is_number(top[-1])))
        return js_binary_arith_slow(context, top, instruction);
    double a = number_of(top[-2]), b = number_of(top[-1]);
    if (instruction == OP_sub)
        a -= b;
    else if (instruction == OP_mul)
        a *= b;
    else if (instruction == OP_div)
        a /= b;
    else
        return js_binary_arith_slow(context, top, instruction);
    top[-2] = JS_NewFloat64(context, a);
    return 0;
}

/* What js_strict_eq_slow does with two numbers, two objects, and an object or none beside something else. */
APART int compare_identity(JSContext *context, JSValue *top, int negated)
{
    JSValue a = top[-2], b = top[-1];
    int tag = JS_VALUE_GET_TAG(a), other = JS_VALUE_GET_TAG(b);
    bool result;
    if (is_number(a) && is_number(b))
        result = number_of(a) == number_of(b);
    else if (tag == JS_TAG_OBJECT && other == JS_TAG_OBJECT)
        result = JS_VALUE_GET_OBJ(a) == JS_VALUE_GET_OBJ(b);
    else if ((tag == JS_TAG_OBJECT || tag == JS_TAG_NULL || tag == JS_TAG_UNDEFINED) && tag != other)
        result = false;
    else
        return js_strict_eq_slow(context, top, negated);
    JS_FreeValue(context, a);
    JS_FreeValue(context, b);
    top[-2] = JS_NewBool(context, result != negated);
    return 0;
}

#include "compiled-ways.h"

static void copy_string(char *target, size_t size, const JSString *string)
{
    size_t n = string->len < size - 1 ? string->len : size - 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = string->is_wide_char ? string->u.str16[i] : string->u.str8[i];
        target[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    target[n] = '\0';
}

static void copy_atom(JSRuntime *runtime, char *target, size_t size, JSAtom atom)
{
    target[0] = '\0';
    if (!__JS_AtomIsTaggedInt(atom) && atom < (JSAtom)runtime->atom_size)
        copy_string(target, size, runtime->atom_array[atom]);
}

static void copy_function_name(char *target, size_t size, JSObject *function)
{
    JSProperty *property;
    JSShapeProperty *shape = find_own_property(&property, function, JS_ATOM_name);
    target[0] = '\0';
    if (shape != NULL && (shape->flags & JS_PROP_TMASK) == JS_PROP_NORMAL &&
        JS_VALUE_GET_TAG(property->u.value) == JS_TAG_STRING)
        copy_string(target, size, JS_VALUE_GET_STRING(property->u.value));
    if (target[0] == '\0')
        strcpy(target, "<anonymous>");
}

/* An address in the bytecode: from a register for the innermost frame, else where the frame saved it. */
static uint32_t position_in(const JSFunctionBytecode *code, const JSStackFrame *frame, const uint64_t *registers,
                            int register_count)
{
    uint64_t start = (uint64_t)code->byte_code_buf;
    for (int i = 0; i < register_count; i++)
        if (registers[i] > start && registers[i] <= start + (uint64_t)code->byte_code_len)
            return (uint32_t)(registers[i] - start - 1);
    uint64_t saved = (uint64_t)frame->cur_pc;
    return saved > start && saved <= start + (uint64_t)code->byte_code_len ? (uint32_t)(saved - start - 1) : 0;
}

int engine_frames(JSRuntime *runtime, const uint64_t *registers, int register_count, bool (*readable)(uint64_t),
                  struct engine_frame *frames, int frame_max)
{
    int count = 0;
    JSStackFrame *frame = runtime->current_stack_frame;
    for (; frame != NULL && count < frame_max; frame = frame->prev_frame, register_count = 0) {
        if (!readable((uint64_t)frame) || JS_VALUE_GET_TAG(frame->cur_func) != JS_TAG_OBJECT)
            break;
        JSObject *function = JS_VALUE_GET_OBJ(frame->cur_func);
        if (!readable((uint64_t)function))
            break;
        struct engine_frame *out = &frames[count++];
        out->file[0] = '\0';
        out->line = out->column = 0;
        copy_function_name(out->function, sizeof(out->function), function);
        if (!js_class_has_bytecode(function->class_id))
            continue;
        JSFunctionBytecode *code = function->u.func.function_bytecode;
        if (!readable((uint64_t)code) || !code->has_debug)
            continue;
        copy_atom(runtime, out->file, sizeof(out->file), code->debug.filename);
        /* Machine code has addresses of instructions at hand that are not the one it is at. */
        int useful_count = frame->js_mode & COMPILED_FRAME ? 0 : register_count;
        out->line = find_line_num(NULL, code, position_in(code, frame, registers, useful_count), &out->column);
    }
    return count;
}

void engine_limit_garbage(JSRuntime *runtime, uint64_t limit)
{
    static uint64_t chosen, growth_limit, lowest;
    uint64_t size = runtime->malloc_state.malloc_size;
    if (runtime->malloc_gc_threshold != chosen) {
        growth_limit = runtime->malloc_gc_threshold;
        lowest = size;
    }
    if (size < lowest)
        lowest = size;
    uint64_t room_limit = lowest + (limit > lowest ? limit - lowest : 0) / 2;
    chosen = growth_limit < room_limit ? growth_limit : room_limit;
    runtime->malloc_gc_threshold = chosen;
}

static bool elements_of(JSValueConst value, JSClassID class, void **elements, size_t *length)
{
    if (JS_VALUE_GET_TAG(value) != JS_TAG_OBJECT)
        return false;
    JSObject *object = JS_VALUE_GET_OBJ(value);
    if (object->class_id != class)
        return false;
    *elements = object->u.array.u.ptr;
    *length = object->u.array.count;
    return true;
}

bool engine_uint8_array(JSValueConst value, uint8_t **bytes, size_t *length)
{
    return elements_of(value, JS_CLASS_UINT8_ARRAY, (void **)bytes, length);
}

bool engine_uint16_array(JSValueConst value, uint16_t **elements, size_t *length)
{
    return elements_of(value, JS_CLASS_UINT16_ARRAY, (void **)elements, length);
}

bool engine_uint32_array(JSValueConst value, uint32_t **elements, size_t *length)
{
    return elements_of(value, JS_CLASS_UINT32_ARRAY, (void **)elements, length);
}
