"""The commands a person types, js-bt, js-frame, js-locals and js-print, and functions for conditions of breakpoints."""

import re

import gdb

from .compiled import interpret_all
from .engine import CannotDebug
from .frames import frames
from .paths import memory_address, number_of, resolve
from .render import render

# A stack is read line by line: js-locals shows more of an object.
ARGUMENT_PROPERTY_LIMIT = 3

_selected = 0


class TypeScriptCommand(gdb.Command):
    """A command that never shows a Python traceback: whatever goes wrong is one line."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_STACK)
        self.name = name

    def invoke(self, argument, from_tty):
        interpret_all()
        try:
            self.run(argument.strip())
        except gdb.GdbError:
            raise
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{self.name}: the guest's memory cannot be read: {error}") from None
        except gdb.error as error:
            raise gdb.GdbError(f"{self.name}: {str(error).splitlines()[0]}") from None
        except Exception as error:  # pylint: disable=broad-except
            raise gdb.GdbError(f"{self.name}: {type(error).__name__}: {error}") from None


def _select(_event=None):
    global _selected
    _selected = 0


def call_text(frame):
    """FUNCTION(ARGUMENTS) at FILE:LINE:COLUMN."""
    arguments = ", ".join(
        f"{name}={shown}" if name else shown
        for name, shown in (
            (name, render(value, limit=ARGUMENT_PROPERTY_LIMIT)) for name, value in frame.arguments()
        )
    )
    return f"{frame.name}({arguments}) {frame.position}"


def _line(frame):
    return f"#{frame.level:<2} {call_text(frame)}"


def _number(text, what):
    if not re.fullmatch(r"\d+", text):
        raise CannotDebug(f"Cannot use {text!r} as {what}: give a number as js-bt shows it")
    return int(text)


def _frame(number):
    stack = frames()
    if number >= len(stack):
        raise CannotDebug(f"No frame {number}: js-bt shows {len(stack)}, counted from 0")
    return stack[number]


def _current_frame():
    """The frame chosen with js-frame; else the innermost one that is TypeScript."""
    if _selected:
        return _frame(_selected)
    stack = frames()
    return next((frame for frame in stack if frame.bytecode is not None), stack[0])


class Backtrace(TypeScriptCommand):
    """js-bt [COUNT]: the TypeScript stack, innermost call first, as FUNCTION(ARGUMENTS) at FILE:LINE:COLUMN."""

    def run(self, argument):
        limit = _number(argument, "a count of frames") if argument else None
        stack = frames()
        for frame in stack[:limit]:
            try:
                text = _line(frame)
            except gdb.error as error:
                text = f"#{frame.level:<2} <unreadable frame: {error}>"
            gdb.write(text + "\n")
        if limit is not None and limit < len(stack):
            gdb.write(f"(and {len(stack) - limit} more)\n")


class SelectFrame(TypeScriptCommand):
    """js-frame [N]: chooses the frame of js-bt that js-locals and js-print look at, and shows it."""

    def run(self, argument):
        global _selected
        if argument:
            number = _number(argument, "a frame")
            frame = _frame(number)
            _selected = number
        else:
            frame = _current_frame()
        gdb.write(_line(frame) + "\n")


class Locals(TypeScriptCommand):
    """js-locals [N]: this, arguments, variables and captured variables of the chosen frame or of frame N."""

    def run(self, argument):
        frame = _frame(_number(argument, "a frame")) if argument else _current_frame()
        if frame.bytecode is None:
            raise CannotDebug(f"{frame.name} is native: it has no TypeScript variables")
        this_value = frame.this_value()
        if this_value is not None:
            gdb.write(f"this = {render(this_value)}\n")
        shown = frame.arguments() + frame.locals()
        for name, value in shown:
            gdb.write(f"{name} = {render(value)}\n")
        captured = frame.captured()
        for name, value in captured:
            gdb.write(f"(captured) {name} = {render(value)}\n")
        if this_value is None and not shown and not captured:
            gdb.write(f"{frame.name} has no variables\n")


class Print(TypeScriptCommand):
    """js-print NAME[.PROPERTY | [INDEX]]...: one variable of the chosen frame, or what it leads to, two levels deep."""

    def run(self, argument):
        found = resolve(_current_frame(), argument)
        address = memory_address(found)
        place = "" if address is None else f" at {address:#x}"
        gdb.write(f"{argument} = {found if isinstance(found, str) else render(found, 2)}{place}\n")


class Called(gdb.Function):
    """$js_called("NAME"): 1 when a TypeScript function of that name is on the stack; for conditions of breakpoints."""

    def __init__(self):
        super().__init__("js_called")

    def invoke(self, name):
        wanted = name.string()
        try:
            return int(any(frame.name == wanted for frame in frames()))
        except (gdb.error, gdb.GdbError):
            # Before the engine runs nothing has been called; an error here would stop the guest for good.
            return 0


class NumberOf(gdb.Function):
    """$js_value("PATH"): the number that js-print would show, for conditions of breakpoints."""

    def __init__(self):
        super().__init__("js_value")

    def invoke(self, path):
        text = path.string()
        return number_of(resolve(_current_frame(), text), text)


class AddressOf(gdb.Function):
    """$js_address("PATH"): where the bytes of a typed array, DataView or ArrayBuffer lie, for x and watch."""

    def __init__(self):
        super().__init__("js_address")

    def invoke(self, path):
        text = path.string()
        address = memory_address(resolve(_current_frame(), text))
        if address is None:
            raise CannotDebug(f"Cannot tell an address: {text} is no typed array, DataView or ArrayBuffer")
        return address


def register():
    NumberOf()
    AddressOf()
    Called()
    Backtrace("js-bt")
    SelectFrame("js-frame")
    Locals("js-locals")
    Print("js-print")
    gdb.events.stop.connect(_select)
    gdb.events.cont.connect(_select)
