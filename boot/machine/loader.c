/* What the loader hands over: command line, boot module, memory map, ACPI root (Xen hvm_start_info, PVH boot ABI). */
#include "boot.h"
#include <string.h>

#define START_INFO_MAGIC 0x336ec578u
#define MEMORY_TYPE_RAM 1

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, root_pointer;
    uint64_t memory_map; /* from version 1 */
    uint32_t memory_map_entries, reserved;
};

struct module_entry {
    uint64_t address, size, command_line, reserved;
};

struct memory_map_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};

char command_line[COMMAND_LINE_MAX];
struct memory_range ram_ranges[RAM_RANGE_MAX];
uint32_t ram_range_count;
uint64_t ram_bytes_found;
struct memory_range initial_ramdisk;
uint64_t loader_acpi_root_pointer;

static uint64_t round_up(uint64_t value)
{
    return (value + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static uint64_t round_down(uint64_t value)
{
    return value & ~(PAGE_SIZE - 1);
}

void ram_remove(uint64_t start, uint64_t end)
{
    start = round_down(start);
    end = round_up(end);
    for (uint32_t i = 0; i < ram_range_count; i++) {
        struct memory_range *range = &ram_ranges[i];
        if (end <= range->start || start >= range->end)
            continue;
        struct memory_range above = {end, range->end};
        range->end = start > range->start ? start : range->start;
        if (above.start < above.end) {
            if (range->end == range->start)
                *range = above;
            else if (ram_range_count < RAM_RANGE_MAX)
                ram_ranges[ram_range_count++] = above;
        }
    }
}

void loader_init(const void *address)
{
    const struct start_info *info = address;
    if (info == NULL || info->magic != START_INFO_MAGIC)
        fail_boot("Cannot boot: the loader passed no PVH start info; start the image with QEMU's -kernel "
                  "and a command line of at most 4095 bytes");
    if (info->version < 1 || info->memory_map_entries == 0)
        fail_boot("Cannot boot: the loader passed no memory map (PVH version 1 is needed)");

    if (info->command_line != 0) {
        const char *text = (const char *)info->command_line;
        size_t length = strnlen(text, COMMAND_LINE_MAX);
        if (length == COMMAND_LINE_MAX)
            fail_boot("Cannot boot: the kernel command line is longer than 4095 bytes");
        memcpy(command_line, text, length + 1);
    }
    loader_acpi_root_pointer = info->root_pointer;

    const struct memory_map_entry *entries = (const struct memory_map_entry *)info->memory_map;
    for (uint32_t i = 0; i < info->memory_map_entries; i++) {
        if (entries[i].type != MEMORY_TYPE_RAM)
            continue;
        ram_bytes_found += entries[i].size;
        uint64_t start = round_up(entries[i].address);
        uint64_t end = round_down(entries[i].address + entries[i].size);
        if (start < MIB)
            start = MIB;
        if (start < end && ram_range_count < RAM_RANGE_MAX)
            ram_ranges[ram_range_count++] = (struct memory_range){start, end};
    }
    ram_remove((uint64_t)image_start, (uint64_t)image_end);

    if (info->module_count > 0) {
        const struct module_entry *module = (const struct module_entry *)info->modules;
        initial_ramdisk = (struct memory_range){module->address, module->address + module->size};
        ram_remove(initial_ramdisk.start, initial_ramdisk.end);
    }
}
