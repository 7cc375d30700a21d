/* What QEMU's -kernel and other PVH loaders hand over (Xen hvm_start_info, PVH boot ABI), into what loader.c keeps. */
#include "boot.h"

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

void start_info_read(const void *information)
{
    const struct start_info *info = information;
    if (info == NULL || info->magic != START_INFO_MAGIC)
        fail_boot("Cannot boot: the loader passed no PVH start info; start the image with QEMU's -kernel "
                  "and a command line of at most 4095 bytes");
    if (info->version < 1 || info->memory_map_entries == 0)
        fail_boot("Cannot boot: the loader passed no memory map (PVH version 1 is needed)");
    if (info->command_line != 0)
        loader_set_command_line((const char *)info->command_line);
    loader_acpi_root_pointer = info->root_pointer;

    const struct memory_map_entry *entries = (const struct memory_map_entry *)info->memory_map;
    for (uint32_t i = 0; i < info->memory_map_entries; i++)
        if (entries[i].type == MEMORY_TYPE_RAM)
            loader_add_ram(entries[i].address, entries[i].size);
    if (info->module_count > 0) {
        const struct module_entry *module = (const struct module_entry *)info->modules;
        initial_ramdisk = (struct memory_range){module->address, module->address + module->size};
    }
}
