"""Has a guest interpret what the build has compiled: breakpoints, steps and variables are of bytecode.

Functions that are running stay as they are; what is called from now on is interpreted. A guest that gdb attaches to before it
boots compiles nothing.
"""

import gdb

from .engine import is_running_guest

FLAG = "engine_interprets"
TABLE = "engine_compiled"
INTERPRETER = "compiled_interpret"
POINTER_BYTES = 8


def interpret_all(_event=None):
    """Once for each guest: the flag says whether it was."""
    try:
        if not is_running_guest() or int(gdb.parse_and_eval(f"(int) {FLAG}")) != 0:
            return
        table = gdb.parse_and_eval(TABLE)
        count = table.type.sizeof // POINTER_BYTES
        entry = int(gdb.parse_and_eval(f"(unsigned long) &{INTERPRETER}")).to_bytes(POINTER_BYTES, "little")
        memory = gdb.selected_inferior()
        memory.write_memory(int(table.address), entry * count)
        memory.write_memory(int(gdb.parse_and_eval(f"(unsigned long) &{FLAG}")), b"\1")
    except gdb.error:
        # An image without these names, or a guest whose memory cannot be written: what it compiles is shown as it is.
        return


def register():
    gdb.events.stop.connect(interpret_all)
    gdb.events.before_prompt.connect(interpret_all)
