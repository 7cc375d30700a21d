"""Has a guest interpret what the build has compiled: breakpoints, steps and variables are of bytecode. A profile lets it run.

Functions that are running stay as they are; what is called from now on is interpreted. A guest that gdb attaches to before it
boots compiles nothing.
"""

import gdb

from .engine import is_running_guest

FLAG = "engine_interprets"
TABLE = "engine_compiled"
INTERPRETER = "compiled_interpret"
POINTER_BYTES = 8
# The build gives what it compiles no debug information.
PROGRAM = "*(struct compiled_program *) &compiled_kernel"

_is_profiling = False


def interpret_all(_event=None):
    """Once for each guest: the flag says whether it was."""
    try:
        if _is_profiling or not is_running_guest() or int(gdb.parse_and_eval(f"(int) {FLAG}")) != 0:
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


def _run_compiled():
    """As boot/engine/compiled-calls.h fills the table; False where the guest has taken nothing of the program."""
    program = gdb.parse_and_eval(PROGRAM)
    count = int(program["function_count"])
    # What has no bytecode yet is not loaded, or is of another build than the image.
    if count == 0 or int(program["codes"][0]) == 0:
        return False
    entries = b"".join(int(program["places"][i]["function"]).to_bytes(POINTER_BYTES, "little") for i in range(count))
    memory = gdb.selected_inferior()
    # The first entry is for functions without a number.
    memory.write_memory(int(gdb.parse_and_eval(TABLE).address) + POINTER_BYTES, entries)
    memory.write_memory(int(gdb.parse_and_eval(f"(unsigned long) &{FLAG}")), b"\0")
    return True


class AsWithoutDebugger:
    """Compiled functions run as such meanwhile: a guest that interprets them spends its time elsewhere."""

    def __init__(self):
        self.runs_compiled = False

    def __enter__(self):
        global _is_profiling
        try:
            self.runs_compiled = _run_compiled()
        except gdb.error:
            self.runs_compiled = False
        _is_profiling = True
        return self

    def __exit__(self, *_):
        global _is_profiling
        _is_profiling = False
        interpret_all()


def register():
    gdb.events.stop.connect(interpret_all)
    gdb.events.before_prompt.connect(interpret_all)
