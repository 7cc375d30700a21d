"""js-profile: where the guest's time goes, by stopping it again and again and asking which TypeScript function runs."""

import collections
import os
import random
import threading
import time

import gdb

from .commands import TypeScriptCommand
from .compiled import AsWithoutDebugger
from .engine import CannotDebug
from .frames import frames

DEFAULT_SAMPLES = 200
MOST_SAMPLES = 10_000
SHOWN_FUNCTIONS = 25
# Random, so that no period of the guest is met each time at the same place.
SHORTEST_RUN_S = 0.004
LONGEST_RUN_S = 0.012
# The guest asleep, or a processor stopped by a register of the device, is time but not work of the function's bytecodes.
ASLEEP = "waitForInterrupt"


def _layer(position):
    """`net/socket/tcp/send/transmit.ts:54:10` lies in net/socket, `kernel/event-loop.ts` in kernel."""
    folders = position.split(":")[0].split("/")[:-1]
    return "/".join(folders[:2]) if folders[:1] == ["net"] else "/".join(folders[:1])


def _run_a_little():
    """Lets the guest run until an event stops it. Not a signal: gdb takes one that comes late for a wish to quit."""

    def interrupt():
        time.sleep(random.uniform(SHORTEST_RUN_S, LONGEST_RUN_S))
        gdb.post_event(lambda: gdb.execute("interrupt", to_string=True))

    timer = threading.Thread(target=interrupt, daemon=True)
    timer.start()
    gdb.execute("continue", to_string=True)
    timer.join()


class _Silence:
    """gdb reports each stop on its standard output, whatever is asked of it; hundreds of them are no news."""

    def __enter__(self):
        gdb.flush()
        self._output = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)

    def __exit__(self, *_):
        gdb.flush()
        os.dup2(self._output, 1)
        os.close(self._output)


class Sample:
    """The innermost TypeScript function of one stop, charged with the native work that it has called."""

    def __init__(self):
        stack = frames()
        self.asleep = bool(stack) and stack[0].name == ASLEEP
        frame = next((frame for frame in stack if frame.bytecode is not None), None)
        position = frame.position.removeprefix("at ") if frame is not None else "?"
        self.function = f"{frame.name} {position.split(':')[0]}" if frame is not None else "(no TypeScript)"
        self.layer = _layer(position)


class Profile(TypeScriptCommand):
    """js-profile [SAMPLES]: lets the guest run, stops it at random, and counts functions and layers."""

    def run(self, argument):
        if argument and not (argument.isdigit() and 0 < int(argument) <= MOST_SAMPLES):
            raise CannotDebug(f"Cannot take {argument!r} samples: give a number from 1 to {MOST_SAMPLES}")
        wanted = int(argument) if argument else DEFAULT_SAMPLES
        functions, layers = collections.Counter(), collections.Counter()
        asleep = unreadable = 0
        with _Silence(), AsWithoutDebugger() as mode:
            for _ in range(wanted):
                _run_a_little()
                try:
                    sample = Sample()
                except (CannotDebug, gdb.error):
                    # Stopped inside the firmware, or between two states of the engine.
                    unreadable += 1
                    continue
                if sample.asleep:
                    asleep += 1
                    continue
                functions[sample.function] += 1
                layers[sample.layer] += 1
        awake = sum(layers.values())
        gdb.write(f"{wanted} samples: {awake} awake, {asleep} asleep, {unreadable} unreadable\n")
        if not mode.runs_compiled:
            gdb.write("What the build compiles to C was interpreted, and weighs more than it does without gdb\n")
        for title, counts in (("layer", layers), ("function", functions)):
            gdb.write(f"\n{'awake':>7}  {title}\n")
            for name, count in counts.most_common(SHOWN_FUNCTIONS):
                gdb.write(f"{100 * count / awake:6.1f}%  {name}\n")


def register():
    Profile("js-profile")
