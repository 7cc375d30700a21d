"""Breaks at TypeScript lines in an engine that knows no breakpoints: js-break, js-tbreak, js-breaks, js-delete.

The interpreter reads the first byte of an instruction when it runs it and at no other time, so a watchpoint on that
byte is a breakpoint on the instruction. QEMU's translator watches any number of bytes, processors only four.
"""

import re

import gdb

from . import interpreter, lines
from .commands import TypeScriptCommand, call_text
from .engine import CannotDebug, Value, bytecode_of, is_bytecode_function, is_running_guest, read_bytes, runtime
from .frames import frames

# Called with the functions of a program in memory, before the first of them runs.
PROGRAM_LOADED = "JS_ResolveModule"

# Instructions of an opcode's code within which its operands are read.
HANDLER_BEGINNING = 12

_breakpoints = {}
_last_number = 0
_loading = None


def _serves_editor():
    """Editors start gdb with its machine interface and learn where it stopped from gdb's own words, which people need not."""
    with open("/proc/self/cmdline", encoding="utf-8", errors="replace") as file:
        return any(re.match(r"--?(i|interpreter)=mi", word) for word in file.read().split("\0"))


def _runs(instruction):
    """
    Whether the guest is in the instruction's function. Nothing else reads its bytes, except when the function has been
    freed and the memory is in use again.
    """
    try:
        function = Value.of(runtime()["current_stack_frame"]["cur_func"]).object
        return is_bytecode_function(function) and int(bytecode_of(function)) == instruction.function
    except (gdb.error, gdb.GdbError):
        return False


def _operand_reads(handler):
    """
    Where the code for an opcode stands when it has read operands of several bytes. QEMU makes two aligned reads of one that
    is not aligned, and the first of them meets the opcode in front: such a read is no arrival at it. Only the next opcode is
    read as a single byte.
    """
    architecture = gdb.selected_inferior().architecture()
    reads = set()
    for line in architecture.disassemble(handler, count=HANDLER_BEGINNING):
        mnemonic = line["asm"].split()[0]
        if mnemonic.startswith(("j", "call", "ret")):
            break
        if not mnemonic.startswith("movzb"):
            reads.add(line["addr"] + line["length"])
    return reads


class Watch(gdb.Breakpoint):
    """
    Notices that the interpreter reads one instruction. It reads before it has finished the instruction in front: the
    compiler moves loads ahead of stores. So the guest stops a little later, where the code for this instruction begins.
    """

    def __init__(self, instruction, condition):
        super().__init__(
            f"*(unsigned char *) {instruction.address:#x}",
            gdb.BP_WATCHPOINT,
            gdb.WP_ACCESS,
            internal=True,
        )
        self.instruction = instruction
        self.silent = True
        self.arrival = Arrival(instruction, condition)

    def stop(self):
        if int(gdb.selected_frame().pc()) not in self.arrival.operand_reads and _runs(self.instruction):
            self.arrival.enabled = True
        return False

    def remove(self):
        for part in (self, self.arrival):
            if part.is_valid():
                part.delete()


class Arrival(gdb.Breakpoint):
    """Where the interpreter goes next once a Watch has met its instruction; it is enabled for that one time."""

    def __init__(self, instruction, condition):
        opcode = read_bytes(instruction.address, 1)[0]
        handler = int(gdb.parse_and_eval(f"{interpreter.INTERPRETER}::dispatch_table[{opcode}]"))
        super().__init__(f"*{handler:#x}", internal=True)
        self.operand_reads = _operand_reads(handler)
        self.instruction = instruction
        self.enabled = False
        self.silent = not _serves_editor()
        # Not gdb's own condition: it would be asked before stop().
        self.when = condition

    def stop(self):
        self.enabled = False
        if not _runs(self.instruction):
            return False
        instruction = self.instruction
        interpreter.remember_stop(instruction.function, instruction.offset, instruction.call)
        stops = self._holds()
        if not stops:
            interpreter.forget_stop()
        return stops

    def _holds(self):
        """Whether the condition does."""
        try:
            return not self.when or bool(gdb.parse_and_eval(self.when))
        except (gdb.error, gdb.GdbError) as error:
            gdb.write(f"Stopping, because the condition {self.when} cannot be computed: {error}\n")
            return True


class ProgramLoaded(gdb.Breakpoint):
    """Sets what waits for a program; never stops the guest."""

    def __init__(self):
        super().__init__(PROGRAM_LOADED, internal=True)

    def stop(self):
        lines.forget_loaded()
        for breakpoint in list(_breakpoints.values()):
            try:
                if breakpoint.find():
                    gdb.write(f"js-break {breakpoint.number}: {breakpoint.state()}\n")
            except gdb.error as error:
                gdb.write(f"js-break {breakpoint.number}: {error}\n")
        return False


class LineBreakpoint:
    """What js-break made: a line and the instructions that stand for it."""

    def __init__(self, file, line, condition, temporary):
        self.number = 0
        self.file = file
        self.line = line
        self.condition = condition
        self.temporary = temporary
        self.hits = 0
        self.watches = []
        self.awaited = []

    def find(self):
        """Whether this found instructions that were not watched yet."""
        known = {watch.instruction.address for watch in self.watches}
        waited, self.awaited = bool(self.awaited), []
        found, self.awaited = lines.find_instructions(self.file, self.line)
        new = [instruction for instruction in found if instruction.address not in known]
        self.watches += [Watch(instruction, self.condition) for instruction in new]
        return bool(new) or (waited and not self.awaited)

    def state(self):
        place = f"{self.file}:{self.line}" + (f" if {self.condition}" if self.condition else "")
        count = len(self.watches)
        if count == 0 and self.awaited:
            return f"{place}, pending until {' or '.join(self.awaited)} is loaded"
        if count == 0:
            return f"{place}, where no code was found"
        return place if count == 1 else f"{place}, in {count} functions"

    def delete(self):
        for watch in self.watches:
            watch.remove()
        self.watches = []


def _watch_loading():
    global _loading
    if any(breakpoint.awaited for breakpoint in _breakpoints.values()):
        if _loading is None or not _loading.is_valid():
            _loading = ProgramLoaded()
    elif _loading is not None and _loading.is_valid():
        _loading.delete()
        _loading = None


def _delete(breakpoint):
    breakpoint.delete()
    _breakpoints.pop(breakpoint.number, None)
    _watch_loading()


def _stopped(event):
    """Says where, as gdb does for its own breakpoints."""
    hit = [found for found in getattr(event, "breakpoints", []) if isinstance(found, Arrival)]
    if not hit:
        return
    instruction = hit[0].instruction
    interpreter.remember_stop(instruction.function, instruction.offset, instruction.call)
    for breakpoint in list(_breakpoints.values()):
        if any(watch.arrival in hit for watch in breakpoint.watches):
            breakpoint.hits += 1
            gdb.write(f"js-break {breakpoint.number}, {call_text(frames()[0])}\n")
            if breakpoint.temporary:
                _delete(breakpoint)


class Break(TypeScriptCommand):
    """js-break FILE:LINE [if CONDITION]: stops when the TypeScript line begins. js-tbreak does so once.

    FILE may be the end of a path. CONDITION is one of gdb's, in which $js_value("PATH") is a TypeScript number."""

    temporary = False

    def run(self, argument):
        global _last_number
        place, _, condition = argument.partition(" if ")
        name, line = lines.parse_place(place.strip())
        if not is_running_guest():
            raise CannotDebug("Cannot break: there is no running guest; target remote … attaches to one")
        breakpoint = LineBreakpoint(lines.find_file(name), line, condition.strip(), self.temporary)
        breakpoint.find()
        _last_number += 1
        breakpoint.number = _last_number
        _breakpoints[breakpoint.number] = breakpoint
        _watch_loading()
        gdb.write(f"js-break {breakpoint.number}: {breakpoint.state()}\n")


class TemporaryBreak(Break):
    """js-tbreak FILE:LINE [if CONDITION]: as js-break, but deleted when it has stopped the guest."""

    temporary = True


class Breaks(TypeScriptCommand):
    """js-breaks: the lines where the guest stops, and how often it did."""

    def run(self, argument):
        if not _breakpoints:
            gdb.write("No js-break is set\n")
        for number, breakpoint in sorted(_breakpoints.items()):
            once = ", once" if breakpoint.temporary else ""
            hits = "1 hit" if breakpoint.hits == 1 else f"{breakpoint.hits} hits"
            gdb.write(f"{number:<3} {breakpoint.state()}{once}, {hits}\n")


class Delete(TypeScriptCommand):
    """js-delete [N]...: removes the breakpoints that js-breaks shows under these numbers, or all."""

    def run(self, argument):
        numbers = argument.split() or [str(number) for number in _breakpoints]
        for number in numbers:
            if not number.isdigit() or int(number) not in _breakpoints:
                raise CannotDebug(f"No js-break {number}: js-breaks shows those there are")
        for number in numbers:
            _delete(_breakpoints[int(number)])


def register():
    Break("js-break")
    TemporaryBreak("js-tbreak")
    Breaks("js-breaks")
    Delete("js-delete")
    gdb.events.stop.connect(_stopped)
    gdb.events.cont.connect(interpreter.forget_stop)
    gdb.events.cont.connect(lines.forget_loaded)
