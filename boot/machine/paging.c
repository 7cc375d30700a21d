/*
 * The final page tables: every mapping is the identity, code is read-only, all else is not executable, and what
 * nobody asked for, page 0 and the guard pages included, is not mapped.
 */
#include "boot.h"
#include "x86.h"

#define PRESENT 0x1ull
#define LARGE 0x80ull
#define ADDRESS_MASK 0x000ffffffffff000ull
#define ENTRIES 512
#define ADDRESS_END (1ull << 47)

static uint64_t *root;

static uint64_t *new_table(void)
{
    uint64_t *table = pages_allocate(1);
    if (table != NULL)
        clear_words(table, PAGE_SIZE);
    return table;
}

/* The table that an entry points to; makes it, and splits a large page, when `make` is set. */
static uint64_t *next_table(uint64_t *entry, bool make)
{
    if ((*entry & PRESENT) != 0 && (*entry & LARGE) == 0)
        return (uint64_t *)(*entry & ADDRESS_MASK);
    if (!make)
        return NULL;
    uint64_t *table = new_table();
    if (table == NULL)
        return NULL;
    if ((*entry & PRESENT) != 0) {
        uint64_t page = (*entry & ~LARGE);
        for (int i = 0; i < ENTRIES; i++)
            table[i] = page + (uint64_t)i * PAGE_SIZE;
    }
    *entry = (uint64_t)table | PRESENT | PAGE_WRITABLE;
    return table;
}

static uint64_t *directory_entry(uint64_t address, bool make)
{
    uint64_t *table = next_table(&root[address >> 39 & 511], make);
    if (table != NULL)
        table = next_table(&table[address >> 30 & 511], make);
    return table == NULL ? NULL : &table[address >> 21 & 511];
}

/* The TLB may hold only what was present before; flushing it for every new page would be slow. */
static void set_entry(uint64_t *entry, uint64_t value, uint64_t address)
{
    bool was_present = (*entry & PRESENT) != 0;
    *entry = value;
    if (was_present)
        invalidate_page(address);
}

bool map_range(uint64_t start, uint64_t end, uint64_t flags)
{
    if (end > ADDRESS_END || start > end)
        return false;
    start &= ~(PAGE_SIZE - 1);
    while (start < end) {
        uint64_t *entry = directory_entry(start, true);
        if (entry == NULL)
            return false;
        bool whole = (start & (LARGE_PAGE_SIZE - 1)) == 0 && end - start >= LARGE_PAGE_SIZE;
        if (whole && ((*entry & PRESENT) == 0 || (*entry & LARGE) != 0)) {
            set_entry(entry, start | flags | LARGE | PRESENT, start);
            start += LARGE_PAGE_SIZE;
            continue;
        }
        uint64_t *table = next_table(entry, true);
        if (table == NULL)
            return false;
        set_entry(&table[start >> 12 & 511], start | flags | PRESENT, start);
        start += PAGE_SIZE;
    }
    return true;
}

void unmap_page(uint64_t address)
{
    uint64_t *entry = directory_entry(address, true);
    uint64_t *table = entry == NULL ? NULL : next_table(entry, true);
    if (table == NULL)
        fail_boot("Cannot boot: no memory for page tables");
    set_entry(&table[address >> 12 & 511], 0, address);
}

bool is_mapped(uint64_t address)
{
    if (address >= ADDRESS_END)
        return false;
    uint64_t *entry = directory_entry(address, false);
    if (entry == NULL || (*entry & PRESENT) == 0)
        return false;
    return (*entry & LARGE) != 0 || (next_table(entry, false)[address >> 12 & 511] & PRESENT) != 0;
}

static void map_or_fail(uint64_t start, uint64_t end, uint64_t flags)
{
    if (!map_range(start, end, flags))
        fail_boot("Cannot boot: no memory for page tables");
}

void paging_init(void)
{
    root = new_table();
    if (root == NULL)
        fail_boot("Cannot boot: no memory for page tables");

    map_or_fail((uint64_t)image_start, (uint64_t)text_end, 0);
    map_or_fail((uint64_t)text_end, (uint64_t)rodata_end, PAGE_NO_EXECUTE);
    map_or_fail((uint64_t)rodata_end, (uint64_t)image_end, PAGE_WRITABLE | PAGE_NO_EXECUTE);
    map_or_fail((uint64_t)image_heap, pages_image_heap_end(), PAGE_WRITABLE | PAGE_NO_EXECUTE);
    unmap_page((uint64_t)interrupt_stack_guard);
    unmap_page((uint64_t)exception_stack_guard);
    unmap_page((uint64_t)second_fault_stack_guard);

    for (uint32_t i = 0; i < ram_range_count; i++)
        map_or_fail(ram_ranges[i].start, ram_ranges[i].end, PAGE_WRITABLE | PAGE_NO_EXECUTE);
    map_or_fail(initial_ramdisk.start, initial_ramdisk.end, PAGE_NO_EXECUTE);
    map_or_fail(acpi.local_apic, acpi.local_apic + PAGE_SIZE, PAGE_WRITABLE | PAGE_UNCACHED | PAGE_NO_EXECUTE);
    if (acpi.sleep_control != 0)
        map_or_fail(acpi.sleep_control, acpi.sleep_control + 1, PAGE_WRITABLE | PAGE_UNCACHED | PAGE_NO_EXECUTE);
    for (uint32_t i = 0; i < acpi.io_apic_count; i++)
        map_or_fail(acpi.io_apics[i].address, acpi.io_apics[i].address + PAGE_SIZE,
                    PAGE_WRITABLE | PAGE_UNCACHED | PAGE_NO_EXECUTE);
    write_cr3((uint64_t)root);
    exit_use_sleep_control(acpi.sleep_control);
}
