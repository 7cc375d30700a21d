"""A packed virtqueue as driver and device share it: one ring, in which the flags say whose turn a descriptor is (virtio 1.4 §2.8)."""

import struct

from .engine import read_bytes
from .heap import properties_of
from .paths import memory_address, number_of

DESCRIPTOR = struct.Struct("<QIHH")
NEXT, WRITE, INDIRECT, AVAILABLE, USED = 1, 2, 4, 0x80, 0x8000
FLAG_NAMES = ((NEXT, "next"), (WRITE, "write"), (INDIRECT, "indirect"), (AVAILABLE, "avail"), (USED, "used"))
POSITION_MASK = 0x7FFF
EVENT_NAMES = {0: "always", 1: "never", 2: "at descriptor"}


class PackedDescriptor:
    def __init__(self, position, data, at):
        self.position = position
        self.address, self.length, self.identifier, self.flags = DESCRIPTOR.unpack_from(data, at)

    @property
    def flag_names(self):
        return "+".join(name for flag, name in FLAG_NAMES if self.flags & flag) or "-"


class PackedVirtqueue:
    """The driver's own numbers from its TypeScript object, the ring from the memory that both sides share."""

    def __init__(self, pointer):
        own = properties_of(pointer)
        self.pointer = int(pointer)
        self.name = ""
        self.driver = "no driver"

        def number(name):
            return number_of(own[name], name)

        self.number = number("queueNumber")
        self.size = number("size")
        self.slot_count = number("slotCount")
        self.event_index = bool(number("eventIndex"))
        self.indirect = bool(number("indirect"))
        # Places in the ring: of what is added next, and of what is taken next.
        self.added = number("nextPosition")
        self.taken = number("usedPosition")
        self.taken_wrap = number("usedWrap")
        self.unpublished = number("addedSlots")
        self.ring, self.driver_events_address, self.device_events_address = (
            memory_address(own[name]) for name in ("ring", "driverEvents", "deviceEvents")
        )
        data = read_bytes(self.ring, self.size * DESCRIPTOR.size)
        self.descriptors = [PackedDescriptor(index, data, index * DESCRIPTOR.size) for index in range(self.size)]
        self.driver_events = struct.unpack("<HH", read_bytes(self.driver_events_address, 4))
        self.device_events = struct.unpack("<HH", read_bytes(self.device_events_address, 4))
        marks = read_bytes(memory_address(own["isOutstanding"]), self.slot_count)
        self.outstanding = [slot for slot, mark in enumerate(marks) if mark]
        self.shapes = read_bytes(memory_address(own["shapes"]), self.slot_count)

    def returned_descriptors(self):
        """What the device has marked as used and the driver not taken, oldest first."""
        found, position, wrap = [], self.taken, self.taken_wrap
        while len(found) < self.size:
            descriptor = self.descriptors[position]
            marks = (descriptor.flags & AVAILABLE != 0, descriptor.flags & USED != 0)
            if marks != (wrap == 1, wrap == 1):
                break
            found.append(descriptor)
            identifier = descriptor.identifier
            is_list = not self.indirect and identifier < self.slot_count
            position += self.shapes[identifier] if is_list else 1
            if position >= self.size:
                position, wrap = position - self.size, wrap ^ 1
        return found

    # The columns of the list of queues; a packed ring has no indices of its own.
    available_index = "-"
    used_index = "-"

    @property
    def returned(self):
        return len(self.returned_descriptors())

    @property
    def with_device(self):
        return len(self.outstanding) - self.returned - self.unpublished


def event_text(events):
    position, flags = events
    text = EVENT_NAMES.get(flags, f"flags {flags}")
    return f"{text} {position & POSITION_MASK}, wrap {position >> 15}" if flags == 2 else text
