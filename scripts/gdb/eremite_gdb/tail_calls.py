"""Gives a call in tail position the place of the call instead of that of its `return`.

The engine makes one instruction of a call and the `return` behind it and keeps the position of `return` alone. The
bundler joins statements into that `return` (`return this.a = 1, this.b()`), so it may even be on another line.
"""

from .engine import enumerator, read_bytes
from .instructions import opcode_sizes


def call_site(bytecode, offset):
    """
    (offset of the instruction whose position tells best where `offset` is, whether that is in doubt: then it only
    counts when it lies behind the `return`).
    """
    code = read_bytes(int(bytecode["byte_code_buf"]), int(bytecode["byte_code_len"]))
    sizes = opcode_sizes()
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
