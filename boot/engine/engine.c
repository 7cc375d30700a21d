/*
 * QuickJS, unmodified, a short way to fields for its interpreter, and the functions that must see its private structures: the call
 * frames for a report that may not allocate, and the bytes of a typed array without three calls.
 */
#include <quickjs.h>

/*
 * A third of what a packet costs is reads and writes of fields, and most of that is on the way to the one line that finds them. While
 * the engine is compiled, the names of its two functions stand for ones that look there first and go the engine's way otherwise.
 */
#define IN_PLACE static inline __attribute__((always_inline))

IN_PLACE JSValue read_field(JSContext *context, JSValueConst value, JSAtom name);
IN_PLACE int write_field(JSContext *context, JSValueConst target, JSAtom name, JSValue value, JSValueConst receiver,
                         int flags);

#define SECOND_OF(first, second, ...) second
#define SECOND(...) SECOND_OF(__VA_ARGS__)
/* Instructions name this flag where they write a field; where the function is defined, `int flags` stands in that place. */
#define WRITE_WITH_JS_PROP_THROW_STRICT 0, write_field
#define JS_SetPropertyInternal(context, target, name, value, receiver, flags) \
    SECOND(WRITE_WITH_##flags, JS_SetPropertyInternal, 0)(context, target, name, value, receiver, flags)
#define JS_GetProperty(context, value, name) read_field(context, value, name)

#include <quickjs.c>

#undef JS_GetProperty
#undef JS_SetPropertyInternal

#include "engine.h"

/* What JS_GetPropertyInternal does when the object, or one that it inherits from, has a plain field of the name. */
IN_PLACE JSValue read_field(JSContext *context, JSValueConst value, JSAtom name)
{
    /* The engine's own look-ups, which name an atom, are rare: in all those places the short way would be no more than long code. */
    if (!__builtin_constant_p(name) && likely(JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT)) {
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
                         int flags)
{
    bool is_own = JS_VALUE_GET_TAG(target) == JS_TAG_OBJECT && JS_VALUE_GET_TAG(receiver) == JS_TAG_OBJECT &&
                  JS_VALUE_GET_OBJ(target) == JS_VALUE_GET_OBJ(receiver);
    if (likely(is_own)) {
        const int kind = JS_PROP_TMASK | JS_PROP_WRITABLE | JS_PROP_LENGTH;
        JSProperty *property;
        JSShapeProperty *shape = find_own_property(&property, JS_VALUE_GET_OBJ(target), name);
        if (shape != NULL && likely((shape->flags & kind) == JS_PROP_WRITABLE)) {
            set_value(context, &property->u.value, value);
            return TRUE;
        }
    }
    return JS_SetPropertyInternal(context, target, name, value, receiver, flags);
}

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
        out->line = find_line_num(NULL, code, position_in(code, frame, registers, register_count), &out->column);
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

bool engine_uint8_array(JSValueConst value, uint8_t **bytes, size_t *length)
{
    if (JS_VALUE_GET_TAG(value) != JS_TAG_OBJECT)
        return false;
    JSObject *object = JS_VALUE_GET_OBJ(value);
    if (object->class_id != JS_CLASS_UINT8_ARRAY)
        return false;
    *bytes = object->u.array.u.uint8_ptr;
    *length = object->u.array.count;
    return true;
}

bool engine_uint16_array(JSValueConst value, uint16_t **elements, size_t *length)
{
    if (JS_VALUE_GET_TAG(value) != JS_TAG_OBJECT)
        return false;
    JSObject *object = JS_VALUE_GET_OBJ(value);
    if (object->class_id != JS_CLASS_UINT16_ARRAY)
        return false;
    *elements = object->u.array.u.uint16_ptr;
    *length = object->u.array.count;
    return true;
}
