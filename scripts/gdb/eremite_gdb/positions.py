"""Maps a position in bytecode to a TypeScript file, line and column: pc2line table, then Source Map revision 3."""

import bisect
import json
import os

import gdb

from .engine import atom_text, read_bytes
from .tail_calls import call_site

PC2LINE_BASE = -1
PC2LINE_RANGE = 5
PC2LINE_OP_FIRST = 1
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE64_VALUES = {character: value for value, character in enumerate(BASE64)}

# boot/engine/program.c: how the modules of apps are named.
APP_PREFIX = "app:"
MAP_SUFFIX = ".js.map"
PROJECT_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

_maps = {}


def _leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _sleb128(data, at):
    """The engine's signed form: zigzag over an unsigned LEB128."""
    value, at = _leb128(data, at)
    return (value >> 1) ^ -(value & 1), at


def decode_positions(data):
    """(offset of the first instruction, line, column) triples in the order of offsets, from a pc2line table."""
    line, at = _leb128(data, 0)
    column, at = _leb128(data, at)
    line, column, pc = line + 1, column + 1, 0
    table = [(-1, line, column)]
    while at < len(data):
        operation = data[at]
        at += 1
        if operation == 0:
            step, at = _leb128(data, at)
            line_step, at = _sleb128(data, at)
        else:
            step, line_step = divmod(operation - PC2LINE_OP_FIRST, PC2LINE_RANGE)
            line_step += PC2LINE_BASE
        column_step, at = _sleb128(data, at)
        pc += step
        line += line_step
        column += column_step
        table.append((pc, line, column))
    return table


def bundle_position(bytecode, offset):
    """(file, line, column) in the bundle of the instruction that holds byte `offset`; None without debug data."""
    if not int(bytecode["has_debug"]) or not int(bytecode["debug"]["pc2line_buf"]):
        return None
    debug = bytecode["debug"]
    table = decode_positions(read_bytes(int(debug["pc2line_buf"]), int(debug["pc2line_len"])))
    file_name = atom_text(debug["filename"])

    def place(at):
        return next(row[1:] for row in reversed(table) if row[0] <= at)

    own = place(offset)
    site, in_doubt = call_site(bytecode, offset)
    found = place(site)
    return (file_name, *(own if in_doubt and found < own else found))


class InlinedCall:
    """A call that the build has put the called function's body in place of."""

    def __init__(self, number, content, mapping):
        source, line, column = content["at"]
        self.number = number
        self.name = content["name"]
        self.place = (mapping.sources[source], line + 1, column + 1)
        self.outer = mapping.calls[content["outer"] - 1] if content["outer"] else None
        self.suffix = f"${content['suffix']}"
        self.parameters = content["parameters"]
        self.aliases = content["aliases"]


class SourceMap:
    """A decoded source map: per line of the bundle, columns and where they come from (all counted from 0)."""

    def __init__(self, path, root):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        base = os.path.join(os.path.dirname(path), content.get("sourceRoot") or "")
        self.sources = [_readable_path(os.path.join(base, name), root) for name in content["sources"]]
        self.columns, self.origins = [], []
        self._decode(content["mappings"])
        # scripts/build/inlined-map.ts: calls in whose place the called function's body stands.
        inlined = content.get("x_inlined") or {"calls": [], "spans": []}
        self.calls = []
        for number, call in enumerate(inlined["calls"], start=1):
            self.calls.append(InlinedCall(number, call, self))
        self._span_starts = [(line, column) for line, column, _ in inlined["spans"]]
        self._span_calls = [call for _, _, call in inlined["spans"]]

    def _decode(self, mappings):
        source = source_line = source_column = 0
        for text in mappings.split(";"):
            columns, origins, column = [], [], 0
            for segment in text.split(",") if text else ():
                fields = _vlq(segment)
                column += fields[0]
                if len(fields) < 4:
                    continue
                source += fields[1]
                source_line += fields[2]
                source_column += fields[3]
                columns.append(column)
                origins.append((source, source_line, source_column))
            self.columns.append(columns)
            self.origins.append(origins)

    def find(self, line, column):
        """(file, line, column), counted from 1 as the arguments are, or None."""
        if not 0 < line <= len(self.columns):
            return None
        index = bisect.bisect_right(self.columns[line - 1], column - 1) - 1
        if index < 0:
            return None
        source, source_line, source_column = self.origins[line - 1][index]
        return self.sources[source], source_line + 1, source_column + 1

    def call_at(self, line, column):
        """The innermost inlined call at a position of the bundle, counted from 1, or None."""
        index = bisect.bisect_right(self._span_starts, (line - 1, column - 1)) - 1
        number = self._span_calls[index] if index >= 0 else 0
        return self.calls[number - 1] if number else None

    def places(self, line, column):
        """(place in a TypeScript file, inlined call it is in or None), from the innermost call outwards."""
        place = self.find(line, column)
        call = self.call_at(line, column) if place else None
        found = [(place, call)] if place else []
        while call is not None:
            place, call = call.place, call.outer
            found.append((place, call))
        return found

    def lines(self, file):
        """The lines of a TypeScript file, counted from 1, that anything in the bundle comes from."""
        source = self.sources.index(file)
        own = {line + 1 for row in self.origins for found, line, _ in row if found == source}
        return own | {call.place[1] for call in self.calls if call.place[0] == file}


def _vlq(segment):
    values, value, shift = [], 0, 0
    for character in segment:
        digit = BASE64_VALUES[character]
        value |= (digit & 31) << shift
        if digit & 32:
            shift += 5
            continue
        values.append(-(value >> 1) if value & 1 else value >> 1)
        value = shift = 0
    return values


def _readable_path(path, root):
    """Relative to the project when inside it, as people write it."""
    absolute = os.path.normpath(os.path.abspath(path))
    relative = os.path.relpath(absolute, root)
    return absolute if relative.startswith("..") else relative


def _map_directories():
    """Where maps may lie: beside the image, and where EREMITE_MAP_PATH says."""
    paths = [path for path in os.environ.get("EREMITE_MAP_PATH", "").split(os.pathsep) if path]
    for objfile in gdb.objfiles():
        if objfile.filename:
            paths.append(os.path.dirname(objfile.filename))
    return paths


def map_names():
    """The programs whose maps lie there, loaded or not: `NAME` as in NAME.js.map."""
    return sorted(
        {
            name.removesuffix(MAP_SUFFIX)
            for directory in _map_directories()
            if os.path.isdir(directory or ".")
            for name in os.listdir(directory or ".")
            if name.endswith(MAP_SUFFIX)
        }
    )


def program_name(bundle_name):
    """`NAME` of the module `NAME` or `app:NAME`."""
    return os.path.basename(bundle_name.removeprefix(APP_PREFIX))


def source_map(bundle_name):
    """The map that scripts/build wrote beside NAME.js, for the module `NAME` or `app:NAME`; None without one."""
    bundle_name = program_name(bundle_name)
    if bundle_name not in _maps:
        _maps[bundle_name] = None
        file_name = bundle_name + MAP_SUFFIX
        root = PROJECT_ROOT
        for directory in _map_directories():
            path = os.path.join(directory, file_name)
            if os.path.isfile(path):
                try:
                    _maps[bundle_name] = SourceMap(path, root)
                except (OSError, ValueError, KeyError, IndexError) as error:
                    gdb.write(f"Ignoring the source map {path}: {error}\n", gdb.STDERR)
                break
    return _maps[bundle_name]


def forget_maps():
    _maps.clear()


def places_of(bytecode, offset):
    """
    (place, inlined call or None) pairs of an instruction, from the innermost call outwards: places are of the bundle
    when there is no map; none when nothing is known.
    """
    place = bundle_position(bytecode, offset)
    if place is None:
        return []
    found = source_map(place[0])
    return (found.places(place[1], place[2]) if found else []) or [(place, None)]


def position_text(bytecode, offset):
    """'file.ts:line:column', the place in the bundle when there is no map, or '' when nothing is known."""
    return next(("{}:{}:{}".format(*place) for place, _ in places_of(bytecode, offset)), "")
