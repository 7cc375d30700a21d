/* The few facts of the ACPI tables that boot/ needs: interrupt controllers, power-management ports (ACPI 6.5 §5.2). */
#include "boot.h"
#include <string.h>

#define DEFAULT_LOCAL_APIC 0xfee00000u
#define TABLE_LENGTH_MAX (1u << 20)
#define EARLY_MAP_END (4 * GIB)

#define MADT_IO_APIC 1
#define MADT_LOCAL_APIC_OVERRIDE 5
#define FADT_PM_TIMER_32BIT (1u << 8)
#define FADT_HARDWARE_REDUCED (1u << 20)
#define FADT_SLEEP_CONTROL 244
#define GENERIC_ADDRESS_MEMORY 0

struct acpi_info acpi = {.local_apic = DEFAULT_LOCAL_APIC};

static uint32_t read32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t read64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static bool sum_is_zero(const uint8_t *bytes, uint32_t length)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static bool is_root_pointer(uint64_t address)
{
    const uint8_t *bytes = (const uint8_t *)address;
    return address >= 0x400 && address < EARLY_MAP_END - 64 && memcmp(bytes, "RSD PTR ", 8) == 0 &&
           sum_is_zero(bytes, 20);
}

/* ACPI 6.5 §5.2.5.1: on 16-byte boundaries in the first KiB of the EBDA or in 0xe0000..0xfffff. */
static uint64_t find_root_pointer(void)
{
    if (is_root_pointer(loader_acpi_root_pointer))
        return loader_acpi_root_pointer;
    uint16_t segment;
    memcpy(&segment, (const void *)0x40e, sizeof(segment));
    uint64_t ebda = (uint64_t)segment << 4;
    for (uint64_t a = ebda; ebda >= 0x80000 && a < ebda + 1024; a += 16)
        if (is_root_pointer(a))
            return a;
    for (uint64_t a = 0xe0000; a < 0x100000; a += 16)
        if (is_root_pointer(a))
            return a;
    return 0;
}

static void read_madt(const uint8_t *table, uint32_t length)
{
    acpi.local_apic = read32(table + 36);
    for (uint32_t at = 44; at + 2 <= length;) {
        const uint8_t *entry = table + at;
        uint32_t entry_length = entry[1];
        if (entry_length < 2 || at + entry_length > length)
            return;
        if (entry[0] == MADT_IO_APIC && entry_length >= 12 && acpi.io_apic_count < IO_APIC_MAX)
            acpi.io_apics[acpi.io_apic_count++] =
                (struct io_apic){.address = read32(entry + 4), .first_interrupt = read32(entry + 8)};
        else if (entry[0] == MADT_LOCAL_APIC_OVERRIDE && entry_length >= 12)
            acpi.local_apic = read64(entry + 4);
        at += entry_length;
    }
}

static void keep_table(uint64_t address)
{
    const uint8_t *table = (const uint8_t *)address;
    if (address == 0 || address > EARLY_MAP_END - TABLE_LENGTH_MAX || read32(table + 4) > TABLE_LENGTH_MAX)
        return;
    /* Some firmware leaves its tables in what the memory map calls RAM; TypeScript reads them later. */
    ram_remove(address, address + read32(table + 4));
}

static void read_fadt(const uint8_t *table, uint32_t length)
{
    if (length < 116)
        return;
    keep_table(read32(table + 36)); /* FACS */
    keep_table(read32(table + 40)); /* DSDT */
    uint32_t flags = read32(table + 112);
    exit_use_control_port((uint16_t)read32(table + 64));
    acpi.pm_timer_port = (uint16_t)read32(table + 76);
    acpi.pm_timer_32bit = (flags & FADT_PM_TIMER_32BIT) != 0;
    /* A hardware-reduced machine such as microvm has no PM1 block, but a sleep register (ACPI 6.5 §4.8.3.7). */
    if ((flags & FADT_HARDWARE_REDUCED) != 0 && length >= FADT_SLEEP_CONTROL + 12 &&
        table[FADT_SLEEP_CONTROL] == GENERIC_ADDRESS_MEMORY)
        acpi.sleep_control = read64(table + FADT_SLEEP_CONTROL + 4);
    if (acpi.sleep_control < EARLY_MAP_END)
        exit_use_sleep_control(acpi.sleep_control);
}

static void read_table(uint64_t address)
{
    if (address < 0x400 || address > EARLY_MAP_END - TABLE_LENGTH_MAX)
        return;
    const uint8_t *table = (const uint8_t *)address;
    uint32_t length = read32(table + 4);
    if (length < 36 || length > TABLE_LENGTH_MAX || !sum_is_zero(table, length))
        return;
    keep_table(address);
    if (memcmp(table, "APIC", 4) == 0 && length >= 44)
        read_madt(table, length);
    else if (memcmp(table, "FACP", 4) == 0)
        read_fadt(table, length);
}

void acpi_init(void)
{
    acpi.root_pointer = find_root_pointer();
    if (acpi.root_pointer == 0)
        return;
    const uint8_t *root = (const uint8_t *)acpi.root_pointer;
    ram_remove(acpi.root_pointer, acpi.root_pointer + 36);
    bool extended = root[15] >= 2 && read64(root + 24) != 0 && read64(root + 24) < EARLY_MAP_END;
    uint64_t list = extended ? read64(root + 24) : read32(root + 16);
    uint32_t width = extended ? 8 : 4;
    if (list < 0x400 || list > EARLY_MAP_END - TABLE_LENGTH_MAX)
        return;
    const uint8_t *table = (const uint8_t *)list;
    uint32_t length = read32(table + 4);
    if (length > TABLE_LENGTH_MAX)
        return;
    keep_table(list);
    for (uint32_t at = 36; at + width <= length; at += width)
        read_table(extended ? read64(table + at) : read32(table + at));
}
