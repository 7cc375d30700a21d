"""Lets gdb unwind through the stubs of boot/machine/interrupts.S, which have no call frame information.

Every gate has a stack of its own, so what the CPU pushed lies at the top of that stack: SS, RSP, RFLAGS, CS, RIP
downwards. The stub pushes below it; a register counts as pushed when its slot is at or above the stack pointer.
"""

import gdb
from gdb.unwinder import Unwinder, register_unwinder

WORD = 8
# From the top of the stack downwards, after the five words of the CPU.
INTERRUPT_PUSHES = ("vector", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
EXCEPTION_PUSHES = (
    "error vector rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
)
SYSCALL_FRAME_WORDS = {"rip": 8, "rsp": 9}
GENERAL_REGISTERS = (
    "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
)
STACKS = {
    "interrupt_": (("interrupt_stack_top",), INTERRUPT_PUSHES),
    "exception_": (("exception_stack_top", "second_fault_stack_top"), EXCEPTION_PUSHES),
}
STACK_SIZE_LIMIT = 1 << 20


def _symbol_at(address):
    """Name of the assembly symbol that holds `address`, '' for anything else."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return text.split(" ", 1)[0] if " in section " in text else ""


def _address_of(symbol):
    try:
        return int(gdb.parse_and_eval(f"(long)&{symbol}")) & 0xFFFFFFFFFFFFFFFF
    except gdb.error:
        return None


class FrameId:
    """What gdb tells frames apart by; gdb 13 has no class of its own for it."""

    def __init__(self, stack_pointer, address):
        self.sp = stack_pointer
        self.pc = address


class StubUnwinder(Unwinder):
    def __init__(self):
        super().__init__("eremite-stubs")
        self._word = None
        self._range = None

    def _stub_range(self):
        """[start, end) of the code of boot/machine/interrupts.S: it begins with the stub of exception 0."""
        if self._range is None:
            start, end = _address_of("exception_0"), _address_of("syscall_entry")
            self._range = (start, end + 0x100) if start and end else (0, 0)
        return self._range

    def __call__(self, pending_frame):
        address = int(pending_frame.read_register("rip")) & 0xFFFFFFFFFFFFFFFF
        start, end = self._stub_range()
        if not start <= address < end:
            return None
        name = _symbol_at(address)
        stack_pointer = int(pending_frame.read_register("rsp")) & 0xFFFFFFFFFFFFFFFF
        self._word = gdb.lookup_type("unsigned long")
        if name.startswith("syscall_entry"):
            return self._system_call(pending_frame, address, stack_pointer)
        for prefix, (tops, pushes) in STACKS.items():
            if name.startswith(prefix):
                for top in map(_address_of, tops):
                    if top and top - STACK_SIZE_LIMIT < stack_pointer < top:
                        return self._gate(pending_frame, address, stack_pointer, top, pushes)
        return None

    def _read(self, address):
        return gdb.Value(address).cast(self._word.pointer()).dereference()

    def _gate(self, pending_frame, address, stack_pointer, top, pushes):
        names = ("rip", "cs", "eflags", "rsp", "ss")
        saved = {name: self._read(top - (5 - index) * WORD) for index, name in enumerate(names)}
        slot = top - 5 * WORD
        for name in pushes:
            slot -= WORD
            if name in GENERAL_REGISTERS and slot >= stack_pointer:
                saved[name] = self._read(slot)
        return self._unwound(pending_frame, address, top, saved)

    def _system_call(self, pending_frame, address, stack_pointer):
        saved = {name: self._read(stack_pointer + index * WORD) for name, index in SYSCALL_FRAME_WORDS.items()}
        return self._unwound(pending_frame, address, int(saved["rsp"]), saved)

    def _unwound(self, pending_frame, address, stack, saved):
        frame_id = FrameId(gdb.Value(stack), gdb.Value(address))
        info = pending_frame.create_unwind_info(frame_id)
        for name in GENERAL_REGISTERS:
            if name not in saved:
                saved[name] = pending_frame.read_register(name)
        for name, value in saved.items():
            # gdb insists on the register's own size: 32 bits for the flags and the segments.
            info.add_saved_register(name, value.cast(pending_frame.read_register(name).type))
        return info


def register():
    register_unwinder(None, StubUnwinder(), replace=True)
