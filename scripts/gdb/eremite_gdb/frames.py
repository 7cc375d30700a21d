"""Walks the TypeScript stack: from JSRuntime.current_stack_frame outwards, with the variables of each frame."""

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
from .interpreter import frame_of, innermost_offset, saved_offset
from .positions import position_text

FRAME_LIMIT = 200
ARGUMENT_LIMIT = 32
VALUE_BYTES = 16


class Frame:
    """One call: of a TypeScript function (`bytecode` is set) or of a native one."""

    def __init__(self, level, stack_frame):
        self.level = level
        self.stack_frame = stack_frame
        self.function = Value.of(stack_frame["cur_func"]).object
        self.bytecode = bytecode_of(self.function) if is_bytecode_function(self.function) else None

    @property
    def name(self):
        name = function_name(self.function)
        # What the engine calls the code of a module outside all functions.
        return {"": "<anonymous>", "<eval>": "<module>"}.get(name, name)

    @property
    def position(self):
        if self.bytecode is None:
            return "(native)"
        if self.level == 0:
            offset = innermost_offset(self.stack_frame, self.bytecode)
        else:
            offset = saved_offset(self.stack_frame, self.bytecode)
        text = position_text(self.bytecode, -1 if offset is None else offset)
        return f"at {text}" if text else "(no position: compiled without debug information)"

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
        if self.bytecode is None:
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
        """(name, Value) pairs of the variables of enclosing functions that this one uses."""
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
        """`this`, from the argument of the interpreter; None when gdb cannot tell."""
        if self.bytecode is None:
            return None
        frame = frame_of(self.stack_frame)
        if frame is None:
            return None
        try:
            value = frame.read_var("this_obj")
            if value.is_optimized_out:
                return None
            found = Value.of(value)
        except (gdb.error, ValueError):
            return None
        return found if found.tag != enumerator("JS_TAG_UNDEFINED") else None


def frames():
    """The frames, innermost first."""
    stack_frame = runtime()["current_stack_frame"]
    found, seen = [], set()
    while int(stack_frame) and int(stack_frame) not in seen and len(found) < FRAME_LIMIT:
        seen.add(int(stack_frame))
        if not Value.of(stack_frame["cur_func"]).is_object:
            break
        found.append(Frame(len(found), stack_frame))
        stack_frame = stack_frame["prev_frame"]
    if not found:
        raise CannotDebug("No TypeScript function is running: the guest is in native code or asleep")
    return found
