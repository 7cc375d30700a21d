"""Finds where the interpreter is inside the innermost TypeScript function: the `pc` of JS_CallInternal.

The engine writes JSStackFrame.cur_pc only before instructions that may call or throw, and the debug information of
the variable `pc` is absent or stale, because a compiler that turns the dispatch into computed jumps keeps it in one
register all the way. That register belongs to the callee-saved ones, so gdb knows its value in any outer frame too.
"""

import collections
import re
import struct

import gdb

from .engine import read_bytes

INTERPRETER = "JS_CallInternal"
CALLEE_SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15")
ALL_REGISTERS = CALLEE_SAVED + ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
NUMBERED = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi") + tuple(
    f"r{number}" for number in range(8, 16)
)
FRAME_LIMIT = 256
# REX.W add $imm8, %register, as it stands a few bytes before each jump to the next instruction's code.
ADD_IMMEDIATE = re.compile(rb"[\x48\x49]\x83[\xc0-\xc7]", re.DOTALL)
# jmp *table(,%register,8) and jmp *(%table,%register,8).
DISPATCH = re.compile(rb"\xff\x24[\xc0-\xff]", re.DOTALL)
DISPATCH_WINDOW = 40

# mov disp8(%rbp), %register and mov disp32(%rbp), %register: how a value comes back that was put on the stack.
RELOAD = re.compile(rb"[\x48\x4c]\x8b(?:[\x45\x4d\x55\x5d\x65\x6d\x75\x7d](.)|[\x85\x8d\x95\x9d\xa5\xad\xb5\xbd](....))", re.DOTALL)
RELOAD_WINDOW = 256

_position_registers = None
_stopped_at = None


def position_registers():
    """Callee-saved registers, the one that most dispatches advance first."""
    global _position_registers
    if _position_registers is None:
        votes = collections.Counter()
        symbol = gdb.lookup_global_symbol(INTERPRETER) or gdb.lookup_static_symbol(INTERPRETER)
        if symbol is not None:
            block = gdb.block_for_pc(int(symbol.value().address))
            code = read_bytes(block.start, block.end - block.start)
            for jump in DISPATCH.finditer(code):
                window = code[max(0, jump.start() - DISPATCH_WINDOW) : jump.start()]
                for add in ADD_IMMEDIATE.finditer(window):
                    prefix, _, operand = add.group()
                    votes[NUMBERED[(operand & 7) | ((prefix & 1) << 3)]] += 1
        _position_registers = sorted(CALLEE_SAVED, key=lambda name: -votes[name])
    return _position_registers


def forget_registers():
    global _position_registers
    _position_registers = None


def interpreter_frames():
    """The gdb frames of the interpreter, innermost first; stops where gdb cannot unwind further."""
    try:
        frame = gdb.newest_frame()
        for _ in range(FRAME_LIMIT):
            if frame is None:
                return
            if frame.name() == INTERPRETER:
                yield frame
            frame = frame.older()
    except gdb.error:
        return


def _register(frame, name):
    return int(frame.read_register(name)) & 0xFFFFFFFFFFFFFFFF


def _contains(frame, address):
    """Whether `address` lies in the C stack frame: between its stack pointer and its caller's."""
    try:
        older = frame.older()
        return _register(frame, "rsp") <= address and (
            older is None or address < _register(older, "rsp")
        )
    except gdb.error:
        return False


def frame_of(stack_frame):
    """The gdb frame that runs a JSStackFrame; None when it lies on the heap (generators) or cannot be found."""
    address = int(stack_frame)
    return next((frame for frame in interpreter_frames() if _contains(frame, address)), None)


def offset_in(bytecode, address):
    """Offset of the instruction that `address` is in or just behind; None when it points elsewhere."""
    offset = address - int(bytecode["byte_code_buf"])
    return offset - 1 if 0 < offset <= int(bytecode["byte_code_len"]) else None


def _offset_from_stack(frame, bytecode):
    """Some instructions free the register and load it again behind the point where the guest is now."""
    base = _register(frame, "rbp")
    for reload in RELOAD.finditer(read_bytes(frame.pc(), RELOAD_WINDOW)):
        short, long = reload.groups()
        displacement = struct.unpack("<b", short) if short else struct.unpack("<i", long)
        value = struct.unpack("<Q", read_bytes(base + displacement[0], 8))[0]
        offset = offset_in(bytecode, value)
        if offset is not None:
            return offset
    return None


def _offset_from_registers(frame, bytecode):
    names = list(position_registers())
    if frame == gdb.newest_frame():
        names += [name for name in ALL_REGISTERS if name not in names]
    for name in names:
        try:
            offset = offset_in(bytecode, _register(frame, name))
        except gdb.error:
            continue
        if offset is not None:
            return offset
    try:
        return _offset_from_stack(frame, bytecode)
    except gdb.error:
        return None


def saved_offset(stack_frame, bytecode):
    return offset_in(bytecode, int(stack_frame["cur_pc"]))


def remember_stop(bytecode, offset, call=None):
    """
    The guest has just read the instruction at `offset`: its register may not have been advanced yet. It is where a line
    of an inlined call begins, or of the function itself.
    """
    global _stopped_at
    _stopped_at = (int(bytecode), offset, call)


def line_begins(bytecode):
    """Whether the guest stands where remember_stop() was told, and the inlined call that its line belongs to."""
    if _stopped_at is None or _stopped_at[0] != int(bytecode):
        return False, None
    return True, _stopped_at[2]


def forget_stop(_event=None):
    global _stopped_at
    _stopped_at = None


def innermost_offset(stack_frame, bytecode):
    """Offset in the bytecode of the function that runs now; -1 (its first line) when nothing tells."""
    if _stopped_at is not None and _stopped_at[0] == int(bytecode):
        return _stopped_at[1]
    home = frame_of(stack_frame)
    for frame in interpreter_frames():
        # Between its entry and its first instruction a callee is not on the engine's list yet, and a call of a
        # native function passes through the interpreter too: then the caller's saved position is the right one.
        if home is not None and frame != home:
            offset = None
        else:
            offset = _offset_from_registers(frame, bytecode)
        if offset is not None:
            return offset
        if home is not None:
            break
    offset = saved_offset(stack_frame, bytecode)
    return -1 if offset is None else offset
