"""Finds the instructions that a TypeScript file and line were compiled to, in all functions that are loaded."""

import os
import re

from .engine import CannotDebug, atom_text
from .heap import loaded_functions
from .positions import PROJECT_ROOT, decode_positions, map_names, program_name, source_map

PLACE = re.compile(r"(.+):(\d+)")

_loaded = None


class Instruction:
    """The first instruction of a line in one function, or in one inlined call of it."""

    def __init__(self, function, offset, call):
        self.function = function.address
        self.offset = offset
        self.address = function.code + offset
        # Calls within this one are not entered yet when the line begins.
        self.call = call


def forget_loaded(_event=None):
    """The guest runs on: it may load more."""
    global _loaded
    _loaded = None


def _first_instructions(function, mapping):
    """(file, line, inlined call or None) → Instruction: the first of each line in a function."""
    table = decode_positions(function.positions)
    firsts = {}
    for index, (offset, line, column) in enumerate(table):
        # What comes before the first position belongs to the line of the function's head.
        start = max(offset, 0)
        end = table[index + 1][0] if index + 1 < len(table) else function.length
        for place, call in mapping.places(line, column) if start < end else ():
            firsts.setdefault((*place[:2], call), Instruction(function, start, call))
    return firsts


def _loaded_lines():
    """Names of the loaded programs, and file → line → Instructions."""
    global _loaded
    if _loaded is None:
        programs, files = {}, {}
        for function in loaded_functions():
            atom = function.file_atom
            if atom not in programs:
                programs[atom] = program_name(atom_text(atom))
            mapping = source_map(programs[atom]) if function.positions else None
            if mapping is None:
                continue
            for (file, line, _), instruction in _first_instructions(function, mapping).items():
                files.setdefault(file, {}).setdefault(line, []).append(instruction)
        _loaded = (set(programs.values()), files)
    return _loaded


def parse_place(text):
    match = PLACE.fullmatch(text)
    if not match:
        raise CannotDebug(f"Cannot break at {text!r}: write FILE:LINE, e.g. net/socket/tcp/send/transmit.ts:54")
    return match.group(1), int(match.group(2))


def find_file(name):
    """The full name of a TypeScript file, as js-bt shows it, from that or from the end of it."""
    wanted = os.path.normpath(name)
    if os.path.isabs(wanted) and wanted.startswith(PROJECT_ROOT + os.sep):
        wanted = os.path.relpath(wanted, PROJECT_ROOT)
    known = {file for program in map_names() if source_map(program) for file in source_map(program).sources}
    if wanted in known:
        return wanted
    matching = sorted(file for file in known if file.endswith(os.sep + wanted))
    if len(matching) > 1:
        raise CannotDebug(f"Cannot tell which {name} is meant: {', '.join(matching)}")
    if not matching:
        raise CannotDebug(
            f"Cannot break in {name}: no program beside the image was built from it; "
            "name files as js-bt shows them"
        )
    return matching[0]


def _no_code(file, line, lines):
    following = min((other for other in lines if other > line), default=None)
    hint = "and none behind it does" if following is None else f"the next that does is {following}"
    return CannotDebug(f"Line {line} of {file} holds no code; {hint}")


def find_instructions(file, line):
    """
    (Instructions of the line in the programs that are loaded, names of the programs that hold the line and are not).
    Raises CannotDebug when neither has any.
    """
    try:
        programs, files = _loaded_lines()
    except CannotDebug:
        # Before the engine runs nothing is loaded.
        programs, files = set(), {}
    found = files.get(file, {}).get(line, [])
    awaited, lines = [], set(files.get(file, {}))
    for program in map_names():
        mapping = source_map(program)
        if program in programs or mapping is None or file not in mapping.sources:
            continue
        promised = mapping.lines(file)
        lines |= promised
        if line in promised:
            awaited.append(program)
    if not found and not awaited:
        raise _no_code(file, line, lines)
    return found, awaited
