"""Reads the data structures of QuickJS in the stopped guest: atoms, strings, objects and their properties."""

import struct

import gdb

RUNTIME_SYMBOL = "g_js_rt"
ADDRESS_MASK = (1 << 64) - 1
ATOM_INTEGER_BIT = 1 << 31
PROPERTY_KIND_MASK = 3 << 4
PROPERTY_NORMAL, PROPERTY_GETTER, PROPERTY_REFERENCE, PROPERTY_LAZY = (kind << 4 for kind in range(4))
PROPERTY_WRITABLE = 1 << 1
ATOM_TYPE_SYMBOL_FIRST, ATOM_TYPE_SYMBOL_LAST = 2, 3
# A shape of more properties than this is not real data but memory that is being changed.
PROPERTY_LIMIT = 4096
TEXT_LIMIT = 4096

_enumerators = {}
_types = {}


class CannotDebug(gdb.GdbError):
    """A state in which a command has nothing to show; gdb prints the text alone."""


def enumerator(name):
    if name not in _enumerators:
        try:
            _enumerators[name] = int(gdb.parse_and_eval(name))
        except gdb.error:
            raise CannotDebug(
                f"Cannot read the engine: no debug information for {name}; rebuild with make build"
            ) from None
    return _enumerators[name]


def is_running_guest():
    """False for an image alone and for a core: nothing will stop there."""
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type in ("remote", "extended-remote")


def pointer_to(type_name, address):
    if type_name not in _types:
        _types[type_name] = gdb.lookup_type(type_name).pointer()
    return gdb.Value(int(address) & ADDRESS_MASK).cast(_types[type_name])


def read_bytes(address, length):
    """`length` bytes of guest memory; raises gdb.MemoryError when they are not mapped."""
    if length <= 0:
        return b""
    # What is no object yet, or no more, may add up to more than an address holds; Python would refuse it in its own words.
    return gdb.selected_inferior().read_memory(int(address) & ADDRESS_MASK, length).tobytes()


def _field_offsets(kind, start=0):
    """Name → offset of the fields, those of members without a name included."""
    offsets = {}
    for field in kind.strip_typedefs().fields():
        at = start + field.bitpos // 8
        if field.name:
            offsets[field.name] = at
        else:
            offsets.update(_field_offsets(field.type, at))
    return offsets


def field_offset(type_name, field_name):
    offset = _field_offsets(gdb.lookup_type(type_name)).get(field_name)
    if offset is not None:
        return offset
    raise CannotDebug(f"Cannot read the engine: {type_name} has no field {field_name}")


def runtime():
    """The JSRuntime of the guest as a gdb pointer."""
    try:
        pointer = gdb.parse_and_eval(f"'{RUNTIME_SYMBOL}'")
        if pointer.type.code != gdb.TYPE_CODE_PTR:
            raise gdb.error("no pointer")
        address = int(pointer)
    except gdb.error:
        raise CannotDebug(
            f"Cannot find the engine: no symbol {RUNTIME_SYMBOL}; "
            "load build/x86_64/eremite.elf with its debug information"
        ) from None
    if address == 0:
        raise CannotDebug("No TypeScript yet: the guest has not started its engine")
    return pointer_to("struct JSRuntime", address)


class Value:
    """A JSValue: `tag` as the engine names it, `payload` the 64 bits that go with it."""

    def __init__(self, tag, payload):
        self.tag = tag
        self.payload = payload

    @classmethod
    def at(cls, address):
        payload, tag = struct.unpack("<Qq", read_bytes(address, 16))
        return cls(tag, payload)

    @classmethod
    def of(cls, value):
        """From a gdb.Value of type JSValue."""
        return cls(int(value["tag"]), int(value["u"]["ptr"]))

    def is_a(self, tag_name):
        return self.tag == enumerator(tag_name)

    @property
    def is_object(self):
        return self.is_a("JS_TAG_OBJECT")

    @property
    def object(self):
        return pointer_to("struct JSObject", self.payload)


def object_value(pointer):
    return Value(enumerator("JS_TAG_OBJECT"), int(pointer))


def string_text(string, limit=TEXT_LIMIT):
    """(text, whether it was cut) of a JSString, at most `limit` UTF-16 units of it."""
    length = int(string["len"])
    shown = min(length, limit)
    start = int(string) + field_offset("struct JSString", "u")
    if int(string["is_wide_char"]):
        text = read_bytes(start, shown * 2).decode("utf-16-le", "replace")
    else:
        text = read_bytes(start, shown).decode("latin-1")
    return text, shown < length


def rope_text(value, limit=TEXT_LIMIT):
    """(text, whether it was cut) of a string, which may be a rope of strings."""
    parts, length, pending, visits = [], 0, [value], 0
    while pending and length < limit and visits < 256:
        visits += 1
        part = pending.pop()
        if part.is_a("JS_TAG_STRING_ROPE"):
            rope = pointer_to("JSStringRope", part.payload)
            pending.append(Value.of(rope["right"]))
            pending.append(Value.of(rope["left"]))
            continue
        text, cut = string_text(pointer_to("struct JSString", part.payload), limit - length)
        parts.append(text)
        length += len(text)
        if cut:
            return "".join(parts), True
    return "".join(parts), bool(pending)


def atom_string(atom):
    return pointer_to("struct JSString", runtime()["atom_array"][atom])


def atom_text(atom):
    atom = int(atom) & 0xFFFFFFFF
    if atom & ATOM_INTEGER_BIT:
        return str(atom & ~ATOM_INTEGER_BIT)
    if atom == 0:
        return ""
    if atom >= int(runtime()["atom_size"]):
        return f"<atom {atom}>"
    string = atom_string(atom)
    if int(string) & 1:
        return f"<free atom {atom}>"
    text = string_text(string, 256)[0]
    # Private names are symbols too; their text begins with '#'.
    symbol = ATOM_TYPE_SYMBOL_FIRST <= int(string["atom_type"]) <= ATOM_TYPE_SYMBOL_LAST
    return f"[{text}]" if symbol and not text.startswith("#") else text


class Property:
    """One own property. `value` is None for accessors and for those the engine makes when first used."""

    def __init__(self, atom, flags, address):
        self.atom = atom
        self.kind = flags & PROPERTY_KIND_MASK
        self.is_writable = bool(flags & PROPERTY_WRITABLE)
        self.address = address

    @property
    def name(self):
        return atom_text(self.atom)

    @property
    def value(self):
        if self.kind == PROPERTY_NORMAL:
            return Value.at(self.address)
        if self.kind == PROPERTY_REFERENCE:
            reference = struct.unpack("<Q", read_bytes(self.address, 8))[0]
            return Value.at(int(pointer_to("JSVarRef", reference)["pvalue"]))
        return None

    @property
    def is_accessor(self):
        return self.kind == PROPERTY_GETTER


def own_properties(pointer):
    """The own properties of an object in the order in which they were made, without array elements."""
    shape = pointer["shape"]
    count = min(int(shape["prop_count"]), PROPERTY_LIMIT)
    table = read_bytes(int(shape) + field_offset("struct JSShape", "prop"), count * 8)
    first = int(pointer["prop"])
    size = gdb.lookup_type("JSProperty").sizeof
    for index in range(count):
        word, atom = struct.unpack_from("<II", table, index * 8)
        if atom != 0:
            yield Property(atom, word >> 26, first + index * size)


def own_property(pointer, atom_name):
    """The property named by an enumerator of the engine's built-in atoms, or None."""
    atom = enumerator(atom_name)
    return next((found for found in own_properties(pointer) if found.atom == atom), None)


def class_name(pointer):
    """The engine's own name of an object's class: Object, Array, Function, Map ..."""
    entry = runtime()["class_array"][int(pointer["class_id"])]
    return atom_text(entry["class_name"])


def has_class(pointer, *names):
    class_id = int(pointer["class_id"])
    return any(class_id == enumerator(f"JS_CLASS_{name}") for name in names)


def is_bytecode_function(pointer):
    return has_class(
        pointer,
        "BYTECODE_FUNCTION",
        "GENERATOR_FUNCTION",
        "ASYNC_FUNCTION",
        "ASYNC_GENERATOR_FUNCTION",
    )


def bytecode_of(pointer):
    return pointer["u"]["func"]["function_bytecode"]


def function_name(pointer):
    """The `name` of a function object without running anything; '' when it has none."""
    found = own_property(pointer, "JS_ATOM_name")
    value = found.value if found else None
    if value is not None and value.is_a("JS_TAG_STRING"):
        return string_text(pointer_to("struct JSString", value.payload), 256)[0]
    if is_bytecode_function(pointer):
        return atom_text(bytecode_of(pointer)["func_name"])
    return ""
