"""A packed virtqueue as driver and device share it: one ring, in which the flags say whose turn a descriptor is (virtio 1.4 §2.8)."""

import struct

from .engine import read_bytes
from .queue_object import QueueObject, name_flags

DESCRIPTOR = struct.Struct("<QIHH")
AVAILABLE, USED = 0x80, 0x8000
TURN_NAMES = ((AVAILABLE, "avail"), (USED, "used"))
POSITION_MASK = 0x7FFF
EVENT_NAMES = {0: "always", 1: "never", 2: "at descriptor"}


class PackedDescriptor:
    def __init__(self, position, data, at):
        self.position = position
        self.address, self.length, self.identifier, self.flags = DESCRIPTOR.unpack_from(data, at)

    @property
    def flag_names(self):
        return name_flags(self.flags, TURN_NAMES)


class PackedVirtqueue(QueueObject):
    """The driver's own numbers from its TypeScript object, the ring from the memory that both sides share."""

    def __init__(self, pointer):
        super().__init__(pointer)
        # Places in the ring: of what is added next, and of what is taken next.
        self.added = self.own_number("nextPosition")
        self.taken = self.own_number("usedPosition")
        self.taken_wrap = self.own_number("usedWrap")
        self.unpublished = self.own_number("addedSlots")
        self.ring, self.driver_events_address, self.device_events_address = (
            self.own_address(name) for name in ("ring", "driverEvents", "deviceEvents")
        )
        data = read_bytes(self.ring, self.size * DESCRIPTOR.size)
        self.descriptors = [PackedDescriptor(index, data, index * DESCRIPTOR.size) for index in range(self.size)]
        self.driver_events = struct.unpack("<HH", read_bytes(self.driver_events_address, 4))
        self.device_events = struct.unpack("<HH", read_bytes(self.device_events_address, 4))
        self.shapes = read_bytes(self.own_address("shapes"), self.slot_count)

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
