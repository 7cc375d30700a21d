"""Loads the gdb commands of Eremite: `gdb -x scripts/gdb/eremite.py build/x86_64/eremite.elf`."""

import os
import sys

import gdb

# Not __file__: gdb leaves that of the outer script when one script sources another.
sys.path.insert(0, os.path.dirname(os.path.abspath(sys._getframe().f_code.co_filename)))
sys.dont_write_bytecode = True

# What is printed holds names and strings in any script, whatever the locale of the terminal says.
gdb.execute("set host-charset UTF-8")

from eremite_gdb import (  # noqa: E402
    breakpoints,
    commands,
    compiled,
    instructions,
    interpreter,
    interrupts,
    lines,
    positions,
    profile,
    virtqueue_command,
)

commands.register()
breakpoints.register()
compiled.register()
virtqueue_command.register()
interrupts.register()
profile.register()


def _forget(_event):
    """Another image was loaded: what was learned from the last one no longer holds."""
    positions.forget_maps()
    lines.forget_loaded()
    interpreter.forget_registers()
    instructions.forget_opcodes()


gdb.events.new_objfile.connect(_forget)
