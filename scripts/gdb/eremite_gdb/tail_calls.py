"""Gives a call in tail position the place of the call instead of that of its `return`.

The engine makes one instruction of a call and the `return` behind it and keeps the position of `return` alone. The
bundler joins statements into that `return` (`return this.a = 1, this.b()`), so it may even be on another line.
"""

import gdb

from .engine import CannotDebug, enumerator, read_bytes

OPCODE_COUNT = 256

_sizes = None


def _opcode_sizes():
    """Bytes of each instruction, from the engine's own table."""
    global _sizes
    if _sizes is None:
        try:
            table = gdb.parse_and_eval("opcode_info")
        except gdb.error:
            raise CannotDebug("Cannot read the engine: no symbol opcode_info") from None
        first, last = table.type.range()
        size_of_entry = table.type.target().sizeof
        data = read_bytes(table.address, (last - first + 1) * size_of_entry)
        # Codes that only the compiler uses come between the long and the short instructions of the table.
        start, end = enumerator("OP_TEMP_START"), enumerator("OP_TEMP_END")
        rows = [data[index * size_of_entry] for index in range(last - first + 1)]
        rows = rows[:start] + rows[end:]
        _sizes = (rows + [1] * OPCODE_COUNT)[:OPCODE_COUNT]
    return _sizes


def forget_opcodes():
    global _sizes
    _sizes = None


def call_site(bytecode, offset):
    """
    (offset of the instruction whose position tells best where `offset` is, whether that is in doubt: then it only
    counts when it lies behind the `return`).
    """
    code = read_bytes(int(bytecode["byte_code_buf"]), int(bytecode["byte_code_len"]))
    sizes = _opcode_sizes()
    fetches = (enumerator("OP_get_field2"), enumerator("OP_get_array_el2"))
    call, tail_call = enumerator("OP_call_method"), enumerator("OP_tail_call")
    tail_call_method = enumerator("OP_tail_call_method")
    # Each call of a method is preceded by the instruction that fetched it; calls among its arguments nest.
    open_fetches, at = [], 0
    while at <= offset < len(code):
        opcode = code[at]
        end = at + max(sizes[opcode], 1)
        if offset < end:
            if opcode == tail_call_method and open_fetches:
                return open_fetches[-1], False
            if opcode in (tail_call, tail_call_method) and at > 0:
                return at - 1, True
            break
        if opcode in fetches:
            open_fetches.append(at)
        elif opcode in (call, tail_call_method) and open_fetches:
            open_fetches.pop()
        at = end
    return offset, False
