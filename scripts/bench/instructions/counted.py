"""gdb's part in counting instructions: where the engine keeps the function that runs, and what functions are called."""

import os
import sys

import gdb

BENCH = os.path.dirname(os.path.abspath(sys._getframe().f_code.co_filename))
sys.path.insert(0, os.path.join(BENCH, "..", "..", "gdb"))

from eremite_gdb.engine import (  # noqa: E402
    RUNTIME_SYMBOL,
    CannotDebug,
    bytecode_of,
    field_offset,
    function_name,
    is_bytecode_function,
    pointer_to,
)
from eremite_gdb.positions import position_text  # noqa: E402


class Places(gdb.Command):
    """counted-places FUNCTION: arguments for the plugin; FUNCTION is the C function that waits."""

    def __init__(self):
        super().__init__("counted-places", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        block = gdb.block_for_pc(int(gdb.parse_and_eval(f"(long)&{argument}")))
        places = {
            "runtime": int(gdb.parse_and_eval(f"(long)&{RUNTIME_SYMBOL}")),
            "current-frame": field_offset("struct JSRuntime", "current_stack_frame"),
            "current-function": field_offset("struct JSStackFrame", "cur_func"),
            "waiting-start": block.start,
            "waiting-end": block.end,
        }
        gdb.write(",".join(f"{name}={place}" for name, place in places.items()) + "\n")


def described(address):
    """(name, file) of the function object there; ("", "") of what is none, or none any more: any octets may be there."""
    if address == 0:
        return "(outside)", ""
    try:
        function = pointer_to("struct JSObject", address)
        name = function_name(function) or "<anonymous>"
        if not is_bytecode_function(function):
            return name, "native"
        return name, position_text(bytecode_of(function), -1).split(":")[0]
    except (CannotDebug, gdb.error, ValueError):
        return "", ""


class Names(gdb.Command):
    """counted-names FILE: for each address of a line in FILE, the address, the function's name and its file."""

    def __init__(self):
        super().__init__("counted-names", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        with open(argument, encoding="ascii") as file:
            addresses = [int(line) for line in file]
        for address in addresses:
            gdb.write("\t".join(("counted", str(address), *described(address))) + "\n")


Places()
Names()
