/* What boot/ asks of the inside of QuickJS; engine.c implements it in the engine's own translation unit. */
#ifndef EREMITE_ENGINE_H
#define EREMITE_ENGINE_H

#include <quickjs.h>
#include <stdbool.h>
#include <stdint.h>

/* The interpreter of engine.c asks no such handler. */
#pragma GCC poison JS_SetInterruptHandler

struct engine_frame {
    char function[64];
    char file[64]; /* empty for a native function */
    int line, column;
};

/*
 * The innermost call frames of JavaScript, read without allocating. `registers` holds what the CPU was doing: the
 * position in the innermost bytecode function is usually in one of them and nowhere else.
 */
int engine_frames(JSRuntime *runtime, const uint64_t *registers, int register_count, bool (*readable)(uint64_t),
                  struct engine_frame *frames, int frame_max);

/* The bytes of a Uint8Array; false for any other value. A detached one has no bytes. */
bool engine_uint8_array(JSValueConst value, uint8_t **bytes, size_t *length);
/* The same for arrays of wider elements. */
bool engine_uint16_array(JSValueConst value, uint16_t **elements, size_t *length);
bool engine_uint32_array(JSValueConst value, uint32_t **elements, size_t *length);

/*
 * The engine looks for garbage when its memory is half as much again as what was left the last time. After a peak that may be more
 * than the `limit` bytes it can have at all, and it would never look again: with this it does when half of the room is used.
 */
void engine_limit_garbage(JSRuntime *runtime, uint64_t limit);

/* For a snapshot: takes out what is of this machine, its stack and where Math.random() begins. */
void engine_forget_machine(JSContext *context);
/* Math.random() goes on from here. */
void engine_seed(JSContext *context, uint64_t seed);

/*
 * A new object with the prototype and the fields of a plain one, which the values are shared with: without the look-ups and the
 * growing that each field costs a constructor. Throws TypeError for anything else: arrays, functions, what has accessors or lost a field.
 */
JSValue engine_copy_record(JSContext *context, JSValueConst record);

/*
 * The functions of a container that the build has compiled. They are called instead of being interpreted once the container with
 * their checksum is read; a module of another one is left alone.
 */
struct compiled_program;
extern const struct compiled_program compiled_kernel;
void engine_attach(JSValueConst module, uint32_t crc32, const struct compiled_program *program);

#endif
