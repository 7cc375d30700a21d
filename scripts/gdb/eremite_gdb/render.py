"""Shows a JavaScript value in one bounded line, as a person would write it in TypeScript."""

import json
import math
import struct

import gdb

from .engine import (
    Value,
    class_name,
    enumerator,
    function_name,
    has_class,
    is_bytecode_function,
    own_properties,
    own_property,
    pointer_to,
    read_bytes,
    rope_text,
    string_text,
)

STRING_LIMIT = 60
ELEMENT_LIMIT = 8
PROPERTY_SHOWN_LIMIT = 12
LINE_LIMIT = 400
BIG_INTEGER_LIMB_LIMIT = 8
TYPED_ARRAY_FORMATS = {
    "Uint8ClampedArray": "B",
    "Int8Array": "b",
    "Uint8Array": "B",
    "Int16Array": "h",
    "Uint16Array": "H",
    "Int32Array": "i",
    "Uint32Array": "I",
    "BigInt64Array": "q",
    "BigUint64Array": "Q",
    "Float32Array": "f",
    "Float64Array": "d",
}


def number_text(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def quoted(text, cut=False):
    return json.dumps(text, ensure_ascii=False)[:-1] + ('…"' if cut else '"')


def _big_integer(value):
    number = pointer_to("JSBigInt", value.payload)
    limbs = int(number["len"])
    if not 0 < limbs <= BIG_INTEGER_LIMB_LIMIT:
        return f"<bigint of {limbs * 64} bits>"
    data = read_bytes(int(number) + gdb.lookup_type("JSBigInt").sizeof, limbs * 8)
    return f"{int.from_bytes(data, 'little', signed=True)}n"


def render(value, depth=1, limit=PROPERTY_SHOWN_LIMIT):
    """
    `depth` levels of an object's properties are shown, deeper ones as {…}, and of each level the first `limit`. Never
    raises for bad memory. What the build has put for a variable is its text already.
    """
    if isinstance(value, str):
        return value
    try:
        text = _render(value, depth, limit)
    except (gdb.error, UnicodeError, struct.error):
        text = "<unreadable>"
    return text if len(text) <= LINE_LIMIT else text[: LINE_LIMIT - 1] + "…"


def _render(value, depth, limit):
    tag = value.tag
    if tag == enumerator("JS_TAG_INT"):
        return str(struct.unpack("<i", struct.pack("<I", value.payload & 0xFFFFFFFF))[0])
    if tag == enumerator("JS_TAG_FLOAT64"):
        return number_text(struct.unpack("<d", struct.pack("<Q", value.payload))[0])
    if tag == enumerator("JS_TAG_BOOL"):
        return "true" if value.payload & 0xFFFFFFFF else "false"
    if tag == enumerator("JS_TAG_NULL"):
        return "null"
    if tag == enumerator("JS_TAG_UNDEFINED"):
        return "undefined"
    if tag == enumerator("JS_TAG_UNINITIALIZED"):
        return "<not initialized>"
    if tag == enumerator("JS_TAG_SHORT_BIG_INT"):
        return f"{struct.unpack('<q', struct.pack('<Q', value.payload))[0]}n"
    if tag == enumerator("JS_TAG_BIG_INT"):
        return _big_integer(value)
    if tag in (enumerator("JS_TAG_STRING"), enumerator("JS_TAG_STRING_ROPE")):
        return quoted(*rope_text(value, STRING_LIMIT))
    if tag == enumerator("JS_TAG_SYMBOL"):
        return f"Symbol({string_text(pointer_to('struct JSString', value.payload), STRING_LIMIT)[0]})"
    if tag == enumerator("JS_TAG_OBJECT"):
        return _object(value.object, depth, limit)
    return f"<internal value, tag {tag}>"


def type_name(pointer):
    """The name of the class an object was made by, without running a getter."""
    prototype = pointer["shape"]["proto"]
    if not int(prototype):
        return class_name(pointer)
    found = own_property(prototype, "JS_ATOM_constructor")
    value = found.value if found else None
    name = function_name(value.object) if value is not None and value.is_object else ""
    return name or class_name(pointer)


def _text_property(pointer, atom_name):
    found = own_property(pointer, atom_name)
    value = found.value if found else None
    if value is None or not (value.is_a("JS_TAG_STRING") or value.is_a("JS_TAG_STRING_ROPE")):
        return None
    return rope_text(value, STRING_LIMIT)[0]


def _error(pointer):
    name = type_name(pointer)
    message = _text_property(pointer, "JS_ATOM_message")
    return f"{name}: {message}" if message else name


def _function(pointer):
    name = function_name(pointer) or "(anonymous)"
    prototype = own_property(pointer, "JS_ATOM_prototype")
    # Of all functions only a class has a prototype that cannot be replaced (ECMA-262 §15.7.14).
    is_class = is_bytecode_function(pointer) and prototype is not None and not prototype.is_writable
    return f"[class {name}]" if is_class else f"[Function: {name}]"


def _promise(pointer, depth):
    data = pointer["u"]["promise_data"]
    if not int(data):
        return "Promise"
    state = str(data["promise_state"]).rsplit("_", 1)[-1].lower()
    if state == "pending":
        return "Promise {pending}"
    return f"Promise {{{state}: {render(Value.of(data['promise_result']), depth - 1)}}}"


def _object(pointer, depth, limit):
    if has_class(pointer, "C_FUNCTION", "BOUND_FUNCTION", "C_FUNCTION_DATA") or is_bytecode_function(
        pointer
    ):
        return _function(pointer)
    engine_class = class_name(pointer)
    if engine_class in TYPED_ARRAY_FORMATS:
        return f"{type_name(pointer)}({int(pointer['u']['array']['count'])})"
    if engine_class == "Array":
        return _array(pointer, depth, limit)
    if engine_class in ("ArrayBuffer", "SharedArrayBuffer"):
        buffer = pointer["u"]["array_buffer"]
        return f"{engine_class}({int(buffer['byte_length'])})"
    if engine_class == "DataView":
        return f"DataView({int(pointer['u']['typed_array']['length'])})"
    if engine_class in ("Map", "Set", "WeakMap", "WeakSet"):
        return f"{type_name(pointer)}({int(pointer['u']['map_state']['record_count'])})"
    if engine_class == "Error":
        return _error(pointer)
    if engine_class == "Promise":
        return _promise(pointer, depth)
    if engine_class == "RegExp":
        return f"/{string_text(pointer['u']['regexp']['pattern'], STRING_LIMIT)[0]}/"
    if engine_class == "Proxy":
        return "Proxy {…}"
    if engine_class in ("Number", "String", "Boolean", "Symbol", "BigInt", "Date"):
        inner = render(Value.of(pointer["u"]["object_data"]), depth - 1)
        return f"{engine_class}({inner})"
    return _plain(pointer, depth, limit)


def array_elements(pointer, limit):
    """(length, the first elements) of an array whose elements lie side by side, else (length, None)."""
    if int(pointer["fast_array"]):
        array = pointer["u"]["array"]
        count = int(array["count"])
        first = int(array["u"]["values"])
        return count, [Value.at(first + index * 16) for index in range(min(count, limit))]
    length = own_property(pointer, "JS_ATOM_length")
    value = length.value if length else None
    return (value.payload & 0xFFFFFFFF if value is not None else 0), None


def _array(pointer, depth, limit):
    name = type_name(pointer)
    count, elements = array_elements(pointer, min(limit, ELEMENT_LIMIT))
    prefix = "" if name == "Array" else f"{name} "
    if depth <= 0 or elements is None:
        return f"{name}({count})" if count or name != "Array" else "[]"
    shown = [render(element, depth - 1, limit) for element in elements]
    if count > len(shown):
        shown.append(f"… {count - len(shown)} more")
    return f"{prefix}[{', '.join(shown)}]"


def property_text(found, depth, limit=PROPERTY_SHOWN_LIMIT):
    if found.is_accessor:
        return "<accessor>"
    value = found.value
    return "<made when first used>" if value is None else render(value, depth, limit)


def _plain(pointer, depth, limit):
    name = type_name(pointer)
    if depth <= 0:
        return "{…}" if name == "Object" else f"{name} {{…}}"
    shown = []
    for found in own_properties(pointer):
        if len(shown) == limit:
            shown.append("…")
            break
        shown.append(f"{found.name}: {property_text(found, depth - 1, limit)}")
    return f"{name} {{{', '.join(shown)}}}"


def typed_array_element(pointer, index):
    """The text of one element of a typed array, or None when it is out of range or no typed array."""
    code = TYPED_ARRAY_FORMATS.get(class_name(pointer))
    if code is None or not 0 <= index < int(pointer["u"]["array"]["count"]):
        return None
    size = struct.calcsize(code)
    data = read_bytes(int(pointer["u"]["array"]["u"]["ptr"]) + index * size, size)
    element = struct.unpack("<" + code, data)[0]
    if code in "fd":
        return number_text(element)
    return f"{element}n" if code in "qQ" else str(element)

