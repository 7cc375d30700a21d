/*
 * What functions that the build has compiled from bytecode are made of: their frames, the short way of each instruction, and the
 * long ways, which compiled-ways.h has. A long way takes nothing and frees nothing of what it is given.
 */
#ifndef EREMITE_COMPILED_H
#define EREMITE_COMPILED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bit of JSStackFrame.js_mode that the engine does not know: debuggers find the variables of such a frame nowhere. */
#define COMPILED_FRAME 0x100

/* A function as compiled: it reads its arguments and leaves them to the caller. */
typedef JSValue compiled_function(JSContext *context, JSObject *function, JSValueConst self, int count,
                                  JSValueConst *arguments);

struct compiled_place {
    uint32_t index; /* among the functions of the module */
    compiled_function *function;
};

struct compiled_atom {
    uint16_t function; /* among those that are compiled */
    uint16_t offset;   /* in its bytecode, where the atom stands */
};

/* Where a field was the last time, and all that the shape says of it there: it is looked at again each time. */
struct field_guess {
    uint32_t place;
    uint64_t property;
};

/* The compiled functions of one container. */
struct compiled_program {
    uint32_t crc32; /* of the container */
    uint32_t function_count, atom_count, guess_count;
    const struct compiled_place *places;
    const struct compiled_atom *atom_places;
    /* Filled when the container is loaded. */
    const uint8_t **codes;
    JSValue **constants;
    JSAtom *atoms;
    struct field_guess *guesses;
};

compiled_function compiled_interpret;
JSValue compiled_call(JSContext *context, JSObject *function, JSValueConst self, int count, JSValueConst *arguments);
/* For what is no object and cannot be called. */
JSValue compiled_call_other(JSContext *context);
JSValue compiled_construct(JSContext *context, JSValueConst function, JSValueConst target, int count, JSValueConst *arguments);
JSValue compiled_read(JSContext *context, JSValueConst value, JSAtom name, struct field_guess *guess);
/* The same, for what is used at once and not let go. */
JSValue compiled_peek(JSContext *context, JSValueConst value, JSAtom name, struct field_guess *guess);
JSValue compiled_read_method(JSContext *context, JSValueConst value, JSAtom name);
int compiled_write(JSContext *context, JSValueConst target, JSAtom name, JSValue value, struct field_guess *guess);
int compiled_define(JSContext *context, JSValueConst target, JSAtom name, JSValue value);
JSValue compiled_read_element(JSContext *context, JSValueConst value, JSValueConst index);
int compiled_write_element(JSContext *context, JSValueConst target, JSValueConst index, JSValue value);
JSValue compiled_unary(JSContext *context, JSValueConst value, int instruction);
JSValue compiled_binary(JSContext *context, JSValueConst first, JSValueConst second, int instruction);
/* 0 or 1, below 0 after an exception. */
int compiled_compare(JSContext *context, JSValueConst first, JSValueConst second, int instruction);
int compiled_truth(JSContext *context, JSValueConst value);
JSValue compiled_global(JSContext *context, JSAtom name, bool must_be);
JSValue compiled_closure(JSContext *context, JSValueConst code, JSObject *function, JSStackFrame *frame);
JSValue compiled_object(JSContext *context);
JSValue compiled_array(JSContext *context, int count, JSValueConst *elements);
JSValue compiled_text(JSContext *context, JSAtom name);
JSValue compiled_type(JSContext *context, JSValueConst value);
bool compiled_is_type(JSContext *context, JSValueConst value, JSAtom type);
JSValue compiled_to_object(JSContext *context, JSValueConst value);
void compiled_no_property(JSContext *context);
JSValue compiled_key(JSContext *context, JSValueConst value);
void compiled_close_variable(JSContext *context, JSStackFrame *frame, int index);
void compiled_close_all(JSContext *context, JSStackFrame *frame);
/* Of a variable that has no value yet. */
void compiled_uninitialized(JSContext *context, JSObject *function, int index, bool is_reference);
void compiled_throw(JSContext *context, JSValue value);
JSValue compiled_overflow(JSContext *context);
/* Gives the exception its trace, the frame's position first. */
void compiled_exception(JSContext *context, JSStackFrame *frame);
void compiled_release(JSContext *context, JSValue value);

#endif
