"""Finds the driver's virtqueues, and reads split ones from guest memory as the device sees them (virtio 1.4 §2.7)."""

import struct

from .engine import CannotDebug, read_bytes
from .heap import plain_objects, properties_of
from .packed_virtqueues import PackedVirtqueue
from .queue_object import INDIRECT, NEXT, QueueObject, name_flags

# Parts of the network driver that hold a queue each, and what it is called there.
NETWORK_PARTS = {"ReceivePath": "rx", "TransmitPath": "tx", "ControlQueue": "ctrl"}
NETWORK_DRIVER = "VirtioNet"
# Of drivers that hold their queue themselves, and of those parts.
QUEUE_PROPERTY = "queue"
DRIVER_PREFIX = "Virtio"
DESCRIPTOR = struct.Struct("<QIHH")
INDEX_MASK = 0xFFFF


class Descriptor:
    def __init__(self, index, data, at=0):
        self.index = index
        self.address, self.length, self.flags, self.next = DESCRIPTOR.unpack_from(data, at)

    @property
    def flag_names(self):
        return name_flags(self.flags)


class SplitVirtqueue(QueueObject):
    """The driver's own numbers from its TypeScript object, the rings from the memory that both sides share."""

    def __init__(self, pointer):
        super().__init__(pointer)
        # What the driver has added, shown to the device, and taken back.
        self.added = self.own_number("availableIndex")
        self.published = self.own_number("publishedIndex")
        self.taken = self.own_number("lastUsed")
        self.descriptor_table, self.available_ring, self.used_ring = (
            self.own_address(name) for name in ("descriptors", "available", "used")
        )
        self.descriptors = read_bytes(self.descriptor_table, self.size * DESCRIPTOR.size)
        available = struct.unpack(f"<{self.size + 3}H", read_bytes(self.available_ring, self.size * 2 + 6))
        self.available_flags, self.available_index = available[:2]
        self.available, self.used_event = available[2:-1], available[-1]
        used = read_bytes(self.used_ring, self.size * 8 + 6)
        self.used_flags, self.used_index = struct.unpack_from("<HH", used)
        self.used = [struct.unpack_from("<II", used, 4 + index * 8) for index in range(self.size)]
        self.available_event = struct.unpack_from("<H", used, 4 + self.size * 8)[0]

    @property
    def with_device(self):
        """How many the device has been shown and has not returned."""
        return (self.available_index - self.used_index) & INDEX_MASK

    @property
    def returned(self):
        """How many the device has returned and the driver not taken."""
        return (self.used_index - self.taken) & INDEX_MASK

    @property
    def unpublished(self):
        return (self.added - self.published) & INDEX_MASK

    def available_entries(self):
        """(index, slot) of what the driver has added and not taken back, oldest first."""
        return self._entries(self.taken, (self.added - self.taken) & INDEX_MASK, self.available)

    def returned_entries(self):
        """(index, (slot, length)) of what the device has returned and the driver not taken, oldest first."""
        return self._entries(self.taken, self.returned, self.used)

    def _entries(self, first, count, ring):
        # A device that lies may have written any index.
        indices = [(first + step) & INDEX_MASK for step in range(min(count, self.size))]
        return [(index, ring[index % self.size]) for index in indices]

    def chain(self, slot):
        """The descriptors that a slot's head leads to, the head first; those of an indirect table behind it."""
        head = Descriptor(slot, self.descriptors, slot * DESCRIPTOR.size)
        if head.flags & INDIRECT:
            count = min(head.length // DESCRIPTOR.size, self.size)
            table = read_bytes(head.address, count * DESCRIPTOR.size)
            return [head] + [Descriptor(index, table, index * DESCRIPTOR.size) for index in range(count)]
        chain = [head]
        while chain[-1].flags & NEXT and len(chain) < self.size and chain[-1].next < self.size:
            index = chain[-1].next
            chain.append(Descriptor(index, self.descriptors, index * DESCRIPTOR.size))
        return chain


QUEUE_CLASSES = {"SplitVirtqueue": SplitVirtqueue, "PackedVirtqueue": PackedVirtqueue}


def find_virtqueues():
    """Every queue of every driver, in the order in which they were made."""
    queues, holders = [], []
    for pointer, name in plain_objects():
        if name in QUEUE_CLASSES:
            queues.append(QUEUE_CLASSES[name](pointer))
        elif name.startswith(DRIVER_PREFIX) or name in NETWORK_PARTS:
            holders.append((pointer, name))
    if not queues:
        raise CannotDebug("No virtqueue yet: the guest has not started a device")
    for pointer, name in holders:
        value = properties_of(pointer).get(QUEUE_PROPERTY)
        if value is None or not value.is_object:
            continue
        for queue in queues:
            if queue.pointer == value.payload:
                _name(queue, name)
    for position, queue in enumerate(queues):
        queue.name = queue.name or f"queue{position}"
    return queues


def _name(queue, holder):
    short = NETWORK_PARTS.get(holder)
    if short is None:
        queue.name = holder.removeprefix(DRIVER_PREFIX).lower()
        queue.driver = holder
        return
    # Of several pairs of queues the first has no number: rx, tx, rx1, tx1, …
    pair = 0 if short == "ctrl" else queue.number // 2
    queue.name = f"{short}{pair or ''}"
    queue.driver = NETWORK_DRIVER
