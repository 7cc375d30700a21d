"""Follows a path like `this.queue.descriptors[3]` from a variable of a frame, without running any code of the guest."""

import re
import struct

from .engine import CannotDebug, Value, class_name, own_properties, pointer_to
from .render import (
    TYPED_ARRAY_FORMATS,
    array_elements,
    property_text,
    render,
    typed_array_element,
)

STEP = re.compile(r"\.?(#?[\w$]+)|\[(\d+)\]|\[\"([^\"]*)\"\]")
PROTOTYPE_LIMIT = 32


def _named(pairs, name):
    # Inner declarations hide outer ones, so the last of two of the same name wins.
    return next((value for found, value in reversed(pairs) if found == name), None)


def _variable(frame, name):
    if name == "this":
        return frame.this_value()
    # The bundler adds a number to a name that another file uses too.
    renamed = re.compile(re.escape(name) + r"\d+")
    scopes = [frame.locals(), frame.arguments(), frame.captured()]
    for wanted in [name] + [found for pairs in scopes for found, _ in pairs if renamed.fullmatch(found)]:
        for pairs in scopes:
            value = _named(pairs, wanted)
            if value is not None:
                return value
    if frame.bytecode is not None:
        realm = frame.bytecode["realm"]
        for holder in ("global_var_obj", "global_obj"):
            for found in own_properties(Value.of(realm[holder]).object):
                if found.name == name and found.value is not None:
                    return found.value
    return None


def _member(value, name):
    """The text-free value of a property, own or inherited; raises when there is none to be read."""
    if isinstance(value, str) or not value.is_object:
        raise CannotDebug(f"Cannot read .{name}: {render(value)} is no object")
    pointer = value.object
    if name.isdigit():
        _, elements = array_elements(pointer, int(name) + 1)
        if elements is not None and int(name) < len(elements):
            return elements[int(name)]
    for _ in range(PROTOTYPE_LIMIT):
        for found in own_properties(pointer):
            if found.name != name:
                continue
            if found.value is None:
                raise CannotDebug(f"Cannot read .{name}: {property_text(found, 0)}, its code would have to run")
            return found.value
        prototype = pointer["shape"]["proto"]
        if not int(prototype):
            break
        pointer = pointer_to("struct JSObject", prototype)
    raise CannotDebug(f"No property {name} in {render(value, 0)}")


def _steps(path):
    steps, at = [], 0
    while at < len(path):
        found = STEP.match(path, at)
        if not found:
            break
        steps.append(next(group for group in found.groups() if group is not None))
        at = found.end()
    if not steps or at < len(path):
        raise CannotDebug("Cannot read the path: write NAME.PROPERTY[INDEX], e.g. this.queue.size")
    return steps


def resolve(frame, path):
    """The Value that a path leads to; the text of the number when it is an element of a typed array."""
    steps = _steps(path)
    value = _variable(frame, steps[0])
    if value is None:
        raise CannotDebug(f"No variable {steps[0]} in {frame.name}; js-locals shows those there are")
    for index, step in enumerate(steps[1:], start=1):
        if index == len(steps) - 1 and step.isdigit() and not isinstance(value, str) and value.is_object:
            element = typed_array_element(value.object, int(step))
            if element is not None:
                return element
        value = _member(value, step)
    return value


def number_of(found, path):
    """A Python number for what resolve() gave."""
    if isinstance(found, str):
        return float(found) if "." in found or not found.lstrip("-").isdigit() else int(found)
    if found.is_a("JS_TAG_INT") or found.is_a("JS_TAG_BOOL"):
        return struct.unpack("<i", struct.pack("<I", found.payload & 0xFFFFFFFF))[0]
    if found.is_a("JS_TAG_FLOAT64"):
        number = struct.unpack("<d", struct.pack("<Q", found.payload))[0]
        return int(number) if number.is_integer() else number
    raise CannotDebug(f"Cannot compute with {path}: it is {render(found, 0)}")


def memory_address(found):
    """Address of the first byte behind a typed array, DataView or ArrayBuffer; None for anything else."""
    if isinstance(found, str) or not found.is_object:
        return None
    pointer = found.object
    name = class_name(pointer)
    if name in TYPED_ARRAY_FORMATS:
        return int(pointer["u"]["array"]["u"]["ptr"])
    if name == "DataView":
        view = pointer["u"]["typed_array"]
        return int(view["buffer"]["u"]["array_buffer"]["data"]) + int(view["offset"])
    if name in ("ArrayBuffer", "SharedArrayBuffer"):
        return int(pointer["u"]["array_buffer"]["data"])
    return None
