"""Walks everything the engine has allocated: its garbage collector keeps functions and objects on one list."""

import struct

import gdb

from .engine import (
    CannotDebug,
    enumerator,
    field_offset,
    own_properties,
    pointer_to,
    read_bytes,
    runtime,
)
from .render import type_name

BLOCK_BYTES = 1024
# A list longer than this is not real data but memory that is being changed.
OBJECT_LIMIT = 4_000_000
TYPE_MASK = 15


class Blocks:
    """Guest memory read in blocks: a walk over many small structures would else cost a round trip for each field."""

    def __init__(self):
        self._blocks = {}

    def _block(self, number):
        if number not in self._blocks:
            self._blocks[number] = read_bytes(number * BLOCK_BYTES, BLOCK_BYTES)
        return self._blocks[number]

    def read(self, address, length):
        first, last = address // BLOCK_BYTES, (address + length - 1) // BLOCK_BYTES
        data = b"".join(self._block(number) for number in range(first, last + 1))
        start = address - first * BLOCK_BYTES
        return data[start : start + length]


def _garbage_collected(blocks):
    """(address, type) of everything on the list, oldest first."""
    list_offset = field_offset("struct JSGCObjectHeader", "link")
    next_offset = field_offset("struct list_head", "next")
    head = int(runtime()["gc_obj_list"].address)
    node = struct.unpack("<Q", blocks.read(head + next_offset, 8))[0]
    for _ in range(OBJECT_LIMIT):
        if node == head:
            return
        entry = node - list_offset
        data = blocks.read(entry, list_offset + next_offset + 8)
        # The type shares a byte with the collector's mark, right behind the 32-bit reference count.
        yield entry, data[4] & TYPE_MASK
        node = struct.unpack_from("<Q", data, list_offset + next_offset)[0]
    raise CannotDebug("Cannot walk the heap: its list of objects has no end")


class LoadedFunction:
    """The bytecode of a function that the guest has loaded, called or not."""

    def __init__(self, address, blocks, layout):
        def number(field, code):
            offset = layout[field]
            return struct.unpack("<" + code, blocks.read(address + offset, struct.calcsize(code)))[0]

        self.address = address
        self.code = number("byte_code_buf", "Q")
        self.length = number("byte_code_len", "i")
        self.file_atom = number("filename", "I")
        table = number("pc2line_buf", "Q")
        length = number("pc2line_len", "i")
        self.positions = blocks.read(table, length) if table and length > 0 else b""


def _function_layout():
    kind = gdb.lookup_type("struct JSFunctionBytecode").strip_typedefs()
    layout = {field.name: field.bitpos // 8 for field in kind.fields() if field.name}
    for field in kind["debug"].type.fields():
        layout[field.name] = layout["debug"] + field.bitpos // 8
    return layout


def loaded_functions():
    blocks, layout = Blocks(), _function_layout()
    wanted = enumerator("JS_GC_OBJ_TYPE_FUNCTION_BYTECODE")
    return [
        LoadedFunction(address, blocks, layout)
        for address, kind in _garbage_collected(blocks)
        if kind == wanted
    ]


def plain_objects():
    """(pointer, name of the class that made it) of every object that has no built-in class of its own."""
    blocks, names = Blocks(), {}
    wanted, plain = enumerator("JS_GC_OBJ_TYPE_JS_OBJECT"), enumerator("JS_CLASS_OBJECT")
    class_offset = field_offset("struct JSObject", "class_id")
    shape_offset = field_offset("struct JSObject", "shape")
    prototype_offset = field_offset("struct JSShape", "proto")
    for address, kind in _garbage_collected(blocks):
        if kind != wanted:
            continue
        if struct.unpack("<H", blocks.read(address + class_offset, 2))[0] != plain:
            continue
        shape = struct.unpack("<Q", blocks.read(address + shape_offset, 8))[0]
        prototype = struct.unpack("<Q", blocks.read(shape + prototype_offset, 8))[0]
        pointer = pointer_to("struct JSObject", address)
        if prototype not in names:
            names[prototype] = type_name(pointer)
        yield pointer, names[prototype]


def properties_of(pointer):
    """The own properties of an object that hold values, by name."""
    return {found.name: found.value for found in own_properties(pointer) if found.value is not None}
