/*
 * QuickJS, unmodified, and the two functions that must see its private structures: the call frames for a report
 * that may not allocate, and the bytes of a typed array without three calls.
 */
#include <quickjs.c>

#include "engine.h"

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
