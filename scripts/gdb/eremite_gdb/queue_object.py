"""What the driver's TypeScript object of a virtqueue says, whichever format its rings have; and how flags of descriptors are named."""

from .engine import read_bytes
from .heap import properties_of
from .paths import memory_address, number_of

NEXT, WRITE, INDIRECT = 1, 2, 4
FLAG_NAMES = ((NEXT, "next"), (WRITE, "write"), (INDIRECT, "indirect"))


def name_flags(flags, more=()):
    """The names of the flags that are set, of those that every descriptor has and of `more`."""
    return "+".join(name for flag, name in (*FLAG_NAMES, *more) if flags & flag) or "-"


class QueueObject:
    """The driver's own numbers, which no device can write."""

    def __init__(self, pointer):
        self._own = properties_of(pointer)
        self.pointer = int(pointer)
        self.name = ""
        self.driver = "no driver"
        self.number = self.own_number("queueNumber")
        self.size = self.own_number("size")
        self.slot_count = self.own_number("slotCount")
        self.event_index = bool(self.own_number("eventIndex"))
        self.indirect = bool(self.own_number("indirect"))
        marks = read_bytes(self.own_address("isOutstanding"), self.slot_limit)
        self.outstanding = [slot for slot, mark in enumerate(marks) if mark]

    @property
    def slot_limit(self):
        """Slot numbers are below it."""
        return self.size if self.own_number("slotStride") > 1 else self.slot_count

    def own_number(self, name):
        return number_of(self._own[name], name)

    def own_address(self, name):
        return memory_address(self._own[name])
