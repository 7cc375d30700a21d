"""Walks the TypeScript stack: from JSRuntime.current_stack_frame outwards, with the variables of each frame."""

import re

import gdb

from .engine import (
    CannotDebug,
    Value,
    atom_text,
    bytecode_of,
    enumerator,
    function_name,
    is_bytecode_function,
    runtime,
)
from .instructions import opcode_before
from .interpreter import frame_of, innermost_offset, line_begins, saved_offset
from .positions import places_of

FRAME_LIMIT = 200
ARGUMENT_LIMIT = 32
VALUE_BYTES = 16
# scripts/build/inlined-calls.ts: how variables of inlined calls end, and the temporaries that the build makes.
INLINED_VARIABLE = re.compile(r".*\$\d+")
OPTIMIZED_OUT = "<optimized out>"
# boot/engine/compiled-instructions.h
COMPILED_FRAME = 0x100


class Frame:
    """One call: of a TypeScript function (`bytecode` is set) or of a native one."""

    def __init__(self, level, stack_frame):
        self.level = level
        self._is_innermost = level == 0
        self.stack_frame = stack_frame
        self.function = Value.of(stack_frame["cur_func"]).object
        self.bytecode = bytecode_of(self.function) if is_bytecode_function(self.function) else None
        self._places = None

    @property
    def name(self):
        name = function_name(self.function)
        # What the engine calls the code of a module outside all functions.
        return {"": "<anonymous>", "<eval>": "<module>"}.get(name, name)

    @property
    def position(self):
        if self.bytecode is None:
            return "(native)"
        places = self.places()
        return place_text(places[-1][0]) if places else "(no position: compiled without debug information)"

    def places(self):
        """Where it is, with the inlined call that is in, from the innermost outwards to the function itself."""
        if self._places is None and self.bytecode is not None:
            # A compiled function has addresses of other instructions at hand.
            is_interpreted_now = self._is_innermost and not self._is_compiled()
            if is_interpreted_now:
                offset = innermost_offset(self.stack_frame, self.bytecode)
            else:
                offset = saved_offset(self.stack_frame, self.bytecode)
            self._places = places_of(self.bytecode, -1 if offset is None else offset)
            begins, call = line_begins(self.bytecode) if is_interpreted_now else (False, None)
            if begins:
                calls = [found for _, found in self._places]
                self._places = self._places[calls.index(call) :] if call in calls else self._places
        return self._places or []

    def _is_compiled(self):
        """A function that the build has compiled to C has its variables where C has them."""
        return int(self.stack_frame["js_mode"]) & COMPILED_FRAME != 0

    def _definition_name(self, index):
        return atom_text(self.bytecode["vardefs"][index]["var_name"])

    def arguments(self):
        """(name, Value) pairs; the arguments of native functions have no names."""
        first = int(self.stack_frame["arg_buf"])
        if self.bytecode is None:
            count = min(int(self.stack_frame["arg_count"]), ARGUMENT_LIMIT)
            return [("", Value.at(first + index * VALUE_BYTES)) for index in range(count)]
        count = int(self.bytecode["arg_count"])
        return [
            (self._definition_name(index), Value.at(first + index * VALUE_BYTES))
            for index in range(count)
        ]

    def locals(self):
        """(name, Value) pairs of the variables declared in the function, inner blocks included."""
        return [pair for pair in self.all_locals() if not INLINED_VARIABLE.fullmatch(pair[0])]

    def all_locals(self):
        """locals(), and those of calls that the build has inlined."""
        if self.bytecode is None or self._is_compiled():
            return []
        arguments = int(self.bytecode["arg_count"])
        first = int(self.stack_frame["var_buf"])
        pairs = []
        for index in range(int(self.bytecode["var_count"])):
            name = self._definition_name(arguments + index)
            # The engine's own temporaries have names in angle brackets or none; this_value() tells `this`.
            if name and name != "this" and not name.startswith("<"):
                pairs.append((name, Value.at(first + index * VALUE_BYTES)))
        return pairs

    def captured(self):
        """(name, Value) pairs of the variables of enclosing functions that this one uses, without `this`."""
        return [(name, value) for name, value in self._references() if name != "this"]

    def _references(self):
        if self.bytecode is None:
            return []
        references = self.function["u"]["func"]["var_refs"]
        pairs = []
        for index in range(int(self.bytecode["closure_var_count"])):
            name = atom_text(self.bytecode["closure_var"][index]["var_name"])
            reference = references[index]
            if name and not name.startswith("<") and int(reference):
                pairs.append((name, Value.at(int(reference["pvalue"]))))
        return pairs

    def this_value(self):
        """`this`; None when it is undefined or nothing tells."""
        if self.bytecode is None:
            return None
        for source in (self._this_variable, self._this_captured, self._this_of_call, self._this_argument):
            try:
                value = source()
            except (gdb.error, ValueError):
                continue
            if value is not None and not value.is_a("JS_TAG_UNDEFINED") and not value.is_a("JS_TAG_UNINITIALIZED"):
                return value
        return None

    def _this_variable(self):
        """Functions that name `this` begin with putting it into a variable of that name."""
        if self._is_compiled():
            return None
        arguments = int(self.bytecode["arg_count"])
        first = int(self.stack_frame["var_buf"])
        for index in range(int(self.bytecode["var_count"])):
            if self._definition_name(arguments + index) == "this":
                return Value.at(first + index * VALUE_BYTES)
        return None

    def _this_captured(self):
        """Arrow functions have that of the function around them."""
        return next((value for name, value in self._references() if name == "this"), None)

    def _this_of_call(self):
        """A method call leaves `this` and the function on the caller's stack, in front of the arguments."""
        caller = self.stack_frame["prev_frame"]
        function = Value.of(caller["cur_func"]).object if int(caller) else None
        if function is None or not is_bytecode_function(function):
            return None
        calls = ("OP_call_method", "OP_tail_call_method")
        if opcode_before(bytecode_of(function), int(caller["cur_pc"])) not in map(enumerator, calls):
            return None
        arguments = int(self.stack_frame["arg_buf"])
        if int(self.stack_frame["arg_count"]) < int(self.bytecode["arg_count"]):
            # These are a copy, filled up with undefined.
            frame = frame_of(self.stack_frame)
            if frame is None:
                return None
            arguments = int(frame.read_var("argv"))
        called = Value.at(arguments - VALUE_BYTES)
        is_this_call = called.is_object and called.payload == int(self.function)
        return Value.at(arguments - 2 * VALUE_BYTES) if is_this_call else None

    def _this_argument(self):
        """What the debug information says of the interpreter's argument, where the compiler has kept it."""
        frame = frame_of(self.stack_frame)
        value = None if frame is None else frame.read_var("this_obj")
        return None if value is None or value.is_optimized_out else Value.of(value)


class InlinedFrame:
    """A call that the build has put the called function's body in place of: its variables lie in those of a Frame."""

    def __init__(self, level, frame, place, call):
        self.level = level
        self.frame = frame
        self.call = call
        self.name = call.name
        self.position = place_text(place)
        self.bytecode = frame.bytecode

    def _variable(self, name):
        """A Value, or the text of a literal, for a name of the inlined function; None where the build has left none."""
        pairs = self.frame.arguments() + self.frame.all_locals() + self.frame.captured()
        alias = self.call.aliases.get(name, name + self.call.suffix)
        if alias == "this":
            return self.frame.this_value()
        found = next((value for known, value in reversed(pairs) if known == alias), None)
        return alias if found is None and name in self.call.aliases else found

    def arguments(self):
        pairs = [(name, self._variable(name)) for name in self.call.parameters]
        return [(name, OPTIMIZED_OUT if value is None else value) for name, value in pairs]

    def locals(self):
        suffix = self.call.suffix
        pairs = []
        for name, value in self.frame.all_locals():
            own = name.removesuffix(suffix)
            if own != name and own not in ("this", *self.call.parameters) and not own.startswith("$"):
                pairs.append((own, value))
        return pairs

    def captured(self):
        return []

    def this_value(self):
        return self._variable("this")


def place_text(place):
    return "at {}:{}:{}".format(*place)


def frames():
    """The frames, innermost first; inlined calls have frames of their own."""
    stack_frame = runtime()["current_stack_frame"]
    found, seen = [], set()
    while int(stack_frame) and int(stack_frame) not in seen and len(found) < FRAME_LIMIT:
        seen.add(int(stack_frame))
        if not Value.of(stack_frame["cur_func"]).is_object:
            break
        frame = Frame(len(found), stack_frame)
        try:
            inlined = frame.places()[:-1]
        except gdb.error:
            # js-bt says so of the frame itself.
            inlined = []
        for place, call in inlined:
            found.append(InlinedFrame(len(found), frame, place, call))
        frame.level = len(found)
        found.append(frame)
        stack_frame = stack_frame["prev_frame"]
    if not found:
        raise CannotDebug("No TypeScript function is running: the guest is in native code or asleep")
    return found
