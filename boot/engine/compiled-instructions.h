/* The short ways of the instructions of compiled functions, and what such a function begins and ends with. */
#ifndef EREMITE_COMPILED_INSTRUCTIONS_H
#define EREMITE_COMPILED_INSTRUCTIONS_H

#include "compiled.h"

#define IN_PLACE static inline __attribute__((always_inline))

#define RARELY(condition) __builtin_expect(condition, 0)
#define MOSTLY(condition) __builtin_expect(!!(condition), 1)

IN_PLACE JSValue hold(JSValueConst value)
{
    if (JS_VALUE_HAS_REF_COUNT(value))
        ((JSRefCountHeader *)JS_VALUE_GET_PTR(value))->ref_count++;
    return value;
}

IN_PLACE void let_go(JSContext *context, JSValue value)
{
    if (JS_VALUE_HAS_REF_COUNT(value)) {
        JSRefCountHeader *header = JS_VALUE_GET_PTR(value);
        if (RARELY(--header->ref_count == 0))
            compiled_release(context, value);
    }
}

IN_PLACE bool is_int(JSValueConst value)
{
    return JS_VALUE_GET_TAG(value) == JS_TAG_INT;
}

IN_PLACE bool is_object(JSValueConst value)
{
    return JS_VALUE_GET_TAG(value) == JS_TAG_OBJECT;
}

IN_PLACE bool is_nothing(JSValueConst value)
{
    return JS_VALUE_GET_TAG(value) == JS_TAG_UNDEFINED || JS_VALUE_GET_TAG(value) == JS_TAG_NULL;
}

IN_PLACE JSValue int_value(int32_t value)
{
    return JS_MKVAL(JS_TAG_INT, value);
}

IN_PLACE JSValue bool_value(bool value)
{
    return JS_MKVAL(JS_TAG_BOOL, value);
}

IN_PLACE bool is_where_guessed(const JSObject *object, const struct field_guess *guess)
{
    const JSShape *shape = object->shape;
    uint32_t place = guess->place;
    uint64_t property;
    if (RARELY(place >= (uint32_t)shape->prop_count))
        return false;
    __builtin_memcpy(&property, &shape->prop[place], sizeof(property));
    return MOSTLY(property == guess->property);
}

IN_PLACE JSValue *field_where_guessed(JSValueConst owner, const struct field_guess *guess)
{
    return &JS_VALUE_GET_OBJ(owner)->prop[guess->place].u.value;
}

/* The value that a reference to a variable of an outer function leads to. */
IN_PLACE JSValue *outer_variable(const JSObject *function, int index)
{
    return function->u.func.var_refs[index]->pvalue;
}

/*
 * Instructions. `position` is where the next one begins, `failed` the label for exceptions, and what follows lets go of what the
 * instruction takes from the stack and what the short way has not to let go of.
 */
#define PEEK_FIELD(out, owner, name, guess, position, failed)                                      \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst from_ = owner;                                                                \
        if (MOSTLY(is_object(from_) && is_where_guessed(JS_VALUE_GET_OBJ(from_), guess))) {        \
            out = *field_where_guessed(from_, guess);                                              \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            out = compiled_peek(context, from_, name, guess);                                      \
            if (RARELY(JS_IsException(out)))                                                       \
                goto failed;                                                                       \
        }                                                                                          \
    } while (0)

#define READ_FIELD(out, owner, name, guess, position, failed)                                      \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst from_ = owner;                                                                \
        if (MOSTLY(is_object(from_) && is_where_guessed(JS_VALUE_GET_OBJ(from_), guess))) {        \
            out = hold(*field_where_guessed(from_, guess));                                        \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            out = compiled_read(context, from_, name, guess);                                      \
            if (RARELY(JS_IsException(out)))                                                       \
                goto failed;                                                                       \
        }                                                                                          \
    } while (0)

#define WRITE_FIELD(owner, name, value, moved, guess, position, failed, ...)                       \
    do {                                                                                           \
        JSValueConst to_ = owner;                                                                  \
        if (MOSTLY(is_object(to_) && is_where_guessed(JS_VALUE_GET_OBJ(to_), guess))) {            \
            JSValue *field_ = field_where_guessed(to_, guess), old_ = *field_;                     \
            *field_ = moved;                                                                       \
            let_go(context, old_);                                                                 \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            if (RARELY(compiled_write(context, to_, name, value, guess) < 0))                      \
                goto failed;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

/* With `calculation` of the int32 `a_` and `b_`, which is false where the result is none. */
#define CALCULATE(out, first, second, calculation, instruction, position, failed, ...)             \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst first_ = first, second_ = second;                                             \
        int32_t a_ = JS_VALUE_GET_INT(first_), b_ = JS_VALUE_GET_INT(second_), result_;            \
        if (MOSTLY(JS_VALUE_IS_BOTH_INT(first_, second_)) && MOSTLY(calculation)) {                \
            out = int_value(result_);                                                              \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            out = compiled_binary(context, first_, second_, instruction);                          \
            if (RARELY(JS_IsException(out)))                                                       \
                goto failed;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

#define ADD !__builtin_add_overflow(a_, b_, &result_)
#define SUBTRACT !__builtin_sub_overflow(a_, b_, &result_)
/* A zero may be -0, which is no int32. */
#define MULTIPLY !__builtin_mul_overflow(a_, b_, &result_) && (result_ != 0 || (a_ | b_) >= 0)
#define REMAINDER a_ >= 0 && b_ > 0 && (result_ = a_ % b_, true)
#define AND (result_ = a_ & b_, true)
#define OR (result_ = a_ | b_, true)
#define XOR (result_ = a_ ^ b_, true)
#define SHIFT_LEFT (result_ = (int32_t)((uint32_t)a_ << (b_ & 31)), true)
#define SHIFT_RIGHT (result_ = a_ >> (b_ & 31), true)
#define SHIFT_IN_ZEROS (result_ = (int32_t)((uint32_t)a_ >> (b_ & 31))) >= 0
/* What only the long way does. */
#define NEVER (result_ = 0, false)

#define UNARY(out, operand, calculation, instruction, position, failed, ...)                       \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst operand_ = operand;                                                           \
        int32_t a_ = JS_VALUE_GET_INT(operand_), result_;                                          \
        if (MOSTLY(is_int(operand_)) && MOSTLY(calculation)) {                                     \
            out = int_value(result_);                                                              \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            out = compiled_unary(context, operand_, instruction);                                  \
            if (RARELY(JS_IsException(out)))                                                       \
                goto failed;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

#define INCREMENT !__builtin_add_overflow(a_, 1, &result_)
#define DECREMENT !__builtin_sub_overflow(a_, 1, &result_)
#define NEGATE a_ != 0 && !__builtin_sub_overflow(0, a_, &result_)
#define PLUS (result_ = a_, true)
#define NOT (result_ = ~a_, true)

#define COMPARE(out, first, second, operator, instruction, position, failed, ...)                  \
    int out;                                                                                       \
    do {                                                                                           \
        JSValueConst first_ = first, second_ = second;                                             \
        if (MOSTLY(JS_VALUE_IS_BOTH_INT(first_, second_))) {                                       \
            out = JS_VALUE_GET_INT(first_) operator JS_VALUE_GET_INT(second_);                     \
        } else {                                                                                   \
            frame.cur_pc = position;                                                               \
            out = compiled_compare(context, first_, second_, instruction);                         \
            if (RARELY(out < 0))                                                                   \
                goto failed;                                                                       \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

#define TRUTH(out, value)                                                                          \
    int out;                                                                                       \
    do {                                                                                           \
        JSValueConst value_ = value;                                                               \
        if (MOSTLY((uint32_t)JS_VALUE_GET_TAG(value_) <= JS_TAG_UNDEFINED))                        \
            out = JS_VALUE_GET_INT(value_);                                                        \
        else                                                                                       \
            out = compiled_truth(context, value_);                                                 \
    } while (0)

/* `moved` belongs to the variable from now on. */
#define STORE(variable, moved)                                                                     \
    do {                                                                                           \
        JSValue new_ = moved, old_ = variable;                                                     \
        variable = new_;                                                                           \
        let_go(context, old_);                                                                     \
    } while (0)

#define CALL(out, function, self, position, argument_count, ...)                                   \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst called_ = function;                                                           \
        JSValueConst arguments_[(argument_count) + 1] = { __VA_ARGS__ };                           \
        frame.cur_pc = position;                                                                   \
        out = MOSTLY(is_object(called_))                                                           \
                  ? compiled_call(context, JS_VALUE_GET_OBJ(called_), self, argument_count, arguments_) \
                  : compiled_call_other(context);                                                  \
    } while (0)

#define CONSTRUCT(out, function, target, position, argument_count, ...)                            \
    JSValue out;                                                                                   \
    do {                                                                                           \
        JSValueConst arguments_[(argument_count) + 1] = { __VA_ARGS__ };                           \
        frame.cur_pc = position;                                                                   \
        out = compiled_construct(context, function, target, argument_count, arguments_);           \
    } while (0)

/* Variables that closures refer to. */
#define VARIABLES(variable_count)                                                                  \
    JSValue v[variable_count];                                                                     \
    for (int i_ = 0; i_ < (variable_count); i_++)                                                  \
        v[i_] = JS_UNDEFINED

/* What a function begins and ends with. */
#define BEGIN                                                                                      \
    JSRuntime *const runtime = context->rt;                                                        \
    JSStackFrame frame;                                                                            \
    JSValue result;                                                                                \
    if (RARELY((uintptr_t)&frame < runtime->stack_limit))                                          \
        return compiled_overflow(context);                                                         \
    frame.var_buf = v;                                                                             \
    frame.cur_pc = code;                                                                           \
    frame.cur_func = JS_MKPTR(JS_TAG_OBJECT, function);                                            \
    frame.js_mode = JS_MODE_STRICT | COMPILED_FRAME;                                                            \
    frame.prev_frame = runtime->current_stack_frame;                                               \
    runtime->current_stack_frame = &frame

/* Arguments that are only read stay where the caller has them, but for those that it has left out. */
#define BORROW_ARGUMENTS(argument_count)                                                           \
    JSValueConst all_[(argument_count) + 1];                                                       \
    if (RARELY(count < (argument_count))) {                                                        \
        for (int i_ = 0; i_ < (argument_count); i_++)                                              \
            all_[i_] = i_ < count ? a[i_] : JS_UNDEFINED;                                          \
        a = all_;                                                                                  \
        count = argument_count;                                                                    \
    }                                                                                              \
    frame.arg_buf = a;                                                                             \
    frame.arg_count = count

#define COPY_ARGUMENTS(argument_count)                                                             \
    JSValue all_[(argument_count) + 1];                                                            \
    for (int i_ = 0; i_ < (argument_count); i_++)                                                  \
        all_[i_] = i_ < count ? hold(a[i_]) : JS_UNDEFINED;                                        \
    a = all_;                                                                                      \
    frame.arg_buf = a;                                                                             \
    frame.arg_count = argument_count

#define FAIL                                                                                       \
    exception:                                                                                     \
    compiled_exception(context, &frame);                                                           \
    result = JS_EXCEPTION

#define END                                                                                        \
    runtime->current_stack_frame = frame.prev_frame;                                               \
    return result

#endif
