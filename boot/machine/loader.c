/* What the loader has handed over, whichever way: command line, RAM, initial ramdisk, ACPI root. */
#include "boot.h"
#include <string.h>

/* Where conventional memory ends at the latest, and what is too little of it to be worth a range. */
#define LOW_RAM_END 0xa0000ull
#define LOW_RAM_LEAST (256 * 1024ull)

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

void loader_set_command_line(const char *text)
{
    size_t length = strnlen(text, COMMAND_LINE_MAX);
    if (length == COMMAND_LINE_MAX)
        fail_boot("Cannot boot: the kernel command line is longer than 4095 bytes");
    memcpy(command_line, text, length + 1);
}

static void add_range(uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    struct memory_range *last = ram_range_count == 0 ? NULL : &ram_ranges[ram_range_count - 1];
    if (last != NULL && last->end == start)
        last->end = end;
    else if (ram_range_count < RAM_RANGE_MAX)
        ram_ranges[ram_range_count++] = (struct memory_range){start, end};
}

/*
 * Below 1 MiB only what is in one piece, for dma.c: the rest is left to firmware, and page 0 with what the BIOS knows. Ranges that
 * touch are one: firmware's maps are full of them.
 */
void loader_add_ram(uint64_t start, uint64_t length)
{
    if (length > UINT64_MAX - start)
        return;
    ram_bytes_found += length;
    uint64_t end = round_down(start + length);
    start = round_up(start);
    uint64_t low_start = start < PAGE_SIZE ? PAGE_SIZE : start, low_end = end < LOW_RAM_END ? end : LOW_RAM_END;
    if (low_start < low_end && low_end - low_start >= LOW_RAM_LEAST)
        add_range(low_start, low_end);
    add_range(start < MIB ? MIB : start, end);
}

struct memory_range loader_low_ram(void)
{
    struct memory_range low = {0, 0};
    for (uint32_t i = 0; i < ram_range_count; i++)
        if (ram_ranges[i].end <= MIB && ram_ranges[i].end - ram_ranges[i].start > low.end - low.start)
            low = ram_ranges[i];
    return low;
}

static bool meets(uint64_t start, uint64_t end, struct memory_range range)
{
    return start < range.end && end > range.start;
}

bool loader_keeps(uint64_t start, uint64_t end)
{
    struct memory_range image = {(uint64_t)image_start, (uint64_t)image_end};
    return meets(start, end, image) || meets(start, end, initial_ramdisk) || meets(start, end, loader_low_ram());
}

void loader_reserve(void)
{
    ram_remove((uint64_t)image_start, (uint64_t)image_end);
    if (initial_ramdisk.start != initial_ramdisk.end)
        ram_remove(initial_ramdisk.start, initial_ramdisk.end);
}
