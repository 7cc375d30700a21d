"""The command virtqueue: the queues of all devices, or one of them in full."""

import gdb

from .commands import TypeScriptCommand
from .engine import CannotDebug
from .packed_virtqueues import PackedVirtqueue, event_text
from .queue_object import INDIRECT, NEXT
from .virtqueues import find_virtqueues

ROW_LIMIT = 16


def write_table(rows, indent=""):
    """Rows of texts and numbers in columns; numbers to the right. The first row is the heading."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    example = rows[1] if len(rows) > 1 else rows[0]
    for row in texts:
        cells = [
            cell.rjust(width) if isinstance(kind, int) else cell.ljust(width)
            for cell, width, kind in zip(row, widths, example)
        ]
        gdb.write(indent + "  ".join(cells).rstrip() + "\n")


def _list(queues):
    heading = ["queue", "driver", "size", "added", "published", "used", "taken"]
    write_table(
        [heading + ["outstanding", "with device", "returned"]]
        + [
            [
                queue.name,
                queue.driver,
                queue.size,
                queue.added,
                queue.available_index,
                queue.used_index,
                queue.taken,
                len(queue.outstanding),
                queue.with_device,
                queue.returned,
            ]
            for queue in queues
        ]
    )


def _limited(rows, name, everything):
    """The last rows, which are the newest, and a line for those left out."""
    if everything or len(rows) <= ROW_LIMIT:
        return rows
    gdb.write(f"(the last {ROW_LIMIT} of {len(rows)}; virtqueue {name} all shows all)\n")
    return rows[-ROW_LIMIT:]


def _headline(queue, kind):
    kinds = [f"{queue.size} descriptors", f"{queue.slot_count} slots", *kind]
    if queue.indirect:
        kinds.append("indirect tables")
    if queue.event_index:
        kinds.append("event index")
    gdb.write(f"{queue.name}: queue {queue.number} of {queue.driver}, {', '.join(kinds)}\n")


def _summary(queue):
    _headline(queue, [])
    write_table(
        [
            ["part", "address", "flags", "index", "event", ""],
            ["descriptor table", f"{queue.descriptor_table:#x}", "", "", "", ""],
            [
                "available ring",
                f"{queue.available_ring:#x}",
                queue.available_flags,
                queue.available_index,
                f"used_event {queue.used_event}",
                f"{queue.unpublished} added and not published",
            ],
            [
                "used ring",
                f"{queue.used_ring:#x}",
                queue.used_flags,
                queue.used_index,
                f"avail_event {queue.available_event}",
                f"{queue.returned} returned and not taken (from {queue.taken})",
            ],
        ]
    )


def _chain_rows(queue, slot, state):
    rows = []
    for place, descriptor in enumerate(queue.chain(slot)):
        behind = place > 0
        index = f"{slot}[{descriptor.index}]" if behind and _is_indirect(queue, slot) else descriptor.index
        following = descriptor.next if descriptor.flags & NEXT else "-"
        address = f"{descriptor.address:#x}"
        row = [index, address, descriptor.length, descriptor.flag_names, following]
        rows.append([str(cell) for cell in row] + ["" if behind else state])
    return rows


def _is_indirect(queue, slot):
    return bool(queue.chain(slot)[0].flags & INDIRECT)


def _dump(queue, everything):
    _summary(queue)
    available, returned = queue.available_entries(), queue.returned_entries()
    used = {slot: length for _, (slot, length) in returned}
    published = {slot for _, slot in available[: len(available) - queue.unpublished]}

    def state(slot):
        if slot in used:
            return f"returned, {used[slot]} bytes"
        if slot in published:
            return "with the device"
        return "not published" if slot in queue.outstanding else "free"

    gdb.write(f"\noutstanding slots: {len(queue.outstanding)}\n")
    # In the order in which they were added; a driver that has lost count would show by the difference.
    added = dict.fromkeys(slot for _, slot in available)
    slots = range(queue.size) if everything else [*added, *(set(queue.outstanding) - set(added))]
    shown = _limited(list(slots), queue.name, everything)
    heading = ["descriptor", "address", "length", "flags", "next", "state"]
    if shown:
        write_table([heading] + [row for slot in shown for row in _chain_rows(queue, slot, state(slot))])
    gdb.write(f"\navailable ring from {queue.taken} (taken) to {queue.added} (added): {len(available)}\n")
    rows = [[index, index % queue.size, slot, state(slot)] for index, slot in available]
    if rows:
        write_table([["index", "entry", "slot", "state"]] + _limited(rows, queue.name, everything))
    gdb.write(f"\nused ring from {queue.taken} (taken) to {queue.used_index} (used): {len(returned)}\n")
    rows = [[index, index % queue.size, slot, length] for index, (slot, length) in returned]
    if rows:
        write_table([["index", "entry", "slot", "length"]] + _limited(rows, queue.name, everything))


def _dump_packed(queue, everything):
    _headline(queue, ["packed"])
    returned = queue.returned_descriptors()
    added = f"{queue.unpublished} added and not published"
    write_table(
        [
            ["part", "address", "wants events", ""],
            ["descriptor ring", f"{queue.ring:#x}", "", added],
            ["driver events", f"{queue.driver_events_address:#x}", event_text(queue.driver_events), ""],
            ["device events", f"{queue.device_events_address:#x}", event_text(queue.device_events), ""],
        ]
    )
    gdb.write(f"\noutstanding slots: {len(queue.outstanding)}\n")
    gdb.write(f"used descriptors from {queue.taken} (taken): {len(returned)}; the next is added at {queue.added}\n")
    # From the oldest that the driver waits for, once around.
    order = queue.descriptors[queue.taken :] + queue.descriptors[: queue.taken]
    shown = order if everything else [it for it in order if it.flags and it.identifier in queue.outstanding]
    rows = [[it.position, f"{it.address:#x}", it.length, it.identifier, it.flag_names] for it in shown]
    if rows:
        heading = ["descriptor", "address", "length", "slot", "flags"]
        write_table([heading] + _limited(rows, queue.name, everything))


class VirtqueueCommand(TypeScriptCommand):
    """virtqueue [rx|tx|... [all]]: the virtqueues of the guest, or one of them: descriptors, rings, indices, slots."""

    def run(self, argument):
        words = argument.split()
        queues = find_virtqueues()
        if not words:
            _list(queues)
            return
        queue = next((queue for queue in queues if queue.name == words[0]), None)
        if queue is None or words[1:] not in ([], ["all"]):
            names = "|".join(queue.name for queue in queues)
            raise CannotDebug(f"Cannot show virtqueue {argument}: write virtqueue {names}, and all for every slot")
        dump = _dump_packed if isinstance(queue, PackedVirtqueue) else _dump
        dump(queue, bool(words[1:]))


def register():
    VirtqueueCommand("virtqueue")
