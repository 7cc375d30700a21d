"""Walks the bytecode of a function from instruction to instruction."""

import gdb

from .engine import CannotDebug, enumerator, read_bytes

OPCODE_COUNT = 256

_sizes = None


def opcode_sizes():
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


def opcode_before(bytecode, address):
    """The opcode of the instruction that ends at `address`; None when none does."""
    start = int(bytecode["byte_code_buf"])
    code = read_bytes(start, int(bytecode["byte_code_len"]))
    sizes = opcode_sizes()
    at = 0
    while at < len(code):
        end = at + max(sizes[code[at]], 1)
        if start + end >= address:
            return code[at] if start + end == address else None
        at = end
    return None
