/* The boot information of a multiboot2 loader such as GRUB (Multiboot2 specification 2.0, §3.6), into what loader.c keeps. */
#include <string.h>
#include "boot.h"

#define LOADER_MAGIC 0x36d76289u
#define INFORMATION_MAX (16 * MIB)
#define MEMORY_TYPE_RAM 1
/* ACPI 6.5 §5.2.5.3: the root pointer of ACPI 1.0, and that of later ones. */
#define ROOT_POINTER_OLD_LENGTH 20
#define ROOT_POINTER_NEW_LENGTH 36

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_ACPI_OLD = 14,
    TAG_ACPI_NEW = 15,
};

struct information_header {
    uint32_t total_size, reserved;
};

struct tag {
    uint32_t type, size;
};

struct module_tag {
    struct tag tag;
    uint32_t start, end;
    char text[];
};

struct memory_map_tag {
    struct tag tag;
    uint32_t entry_size, entry_version;
};

struct memory_map_entry {
    uint64_t address, length;
    uint32_t type, reserved;
};

static void read_command_line(const struct tag *tag)
{
    const char *text = (const char *)(tag + 1);
    if (memchr(text, '\0', tag->size - sizeof(*tag)) == NULL)
        fail_boot("Cannot boot: the loader's command line has no end");
    loader_set_command_line(text);
}

static void read_module(const struct tag *tag)
{
    const struct module_tag *module = (const struct module_tag *)tag;
    if (tag->size < sizeof(*module) || module->end < module->start)
        fail_boot("Cannot boot: the loader passed a module that ends before it starts");
    if (initial_ramdisk.end != 0)
        fail_boot("Cannot boot: the loader passed more than one module; give it the app and nothing else");
    initial_ramdisk = (struct memory_range){module->start, module->end};
}

static void read_memory_map(const struct tag *tag)
{
    const struct memory_map_tag *map = (const struct memory_map_tag *)tag;
    if (tag->size < sizeof(*map) || map->entry_size < sizeof(struct memory_map_entry) || map->entry_size % 8 != 0)
        fail_boot("Cannot boot: the loader's memory map has entries of an unknown size");
    const uint8_t *entries = (const uint8_t *)(map + 1);
    uint32_t length = tag->size - sizeof(*map);
    for (uint32_t at = 0; length - at >= map->entry_size; at += map->entry_size) {
        const struct memory_map_entry *entry = (const struct memory_map_entry *)(entries + at);
        if (entry->type == MEMORY_TYPE_RAM)
            loader_add_ram(entry->address, entry->length);
    }
}

/* The tag holds a copy of the root pointer: it stays where it is, and acpi.c takes its page out of the usable memory. */
static void read_root_pointer(const struct tag *tag, uint32_t length)
{
    if (tag->size >= sizeof(*tag) + length)
        loader_acpi_root_pointer = (uint64_t)(tag + 1);
}

static void read_tag(const struct tag *tag)
{
    switch (tag->type) {
    case TAG_COMMAND_LINE:
        read_command_line(tag);
        break;
    case TAG_MODULE:
        read_module(tag);
        break;
    case TAG_MEMORY_MAP:
        read_memory_map(tag);
        break;
    case TAG_ACPI_OLD:
        if (loader_acpi_root_pointer == 0)
            read_root_pointer(tag, ROOT_POINTER_OLD_LENGTH);
        break;
    case TAG_ACPI_NEW:
        read_root_pointer(tag, ROOT_POINTER_NEW_LENGTH);
        break;
    }
}

void multiboot2_read(const void *information)
{
    const struct information_header *header = information;
    if (multiboot2_magic != LOADER_MAGIC || header == NULL || (uint64_t)header % 8 != 0)
        fail_boot("Cannot boot: the loader entered as multiboot2 loaders do, and passed no boot information");
    uint32_t total = header->total_size;
    if (total < sizeof(*header) + sizeof(struct tag) || total > INFORMATION_MAX)
        fail_boot("Cannot boot: the loader's boot information has an impossible size");
    const uint8_t *bytes = information;
    bool ended = false;
    for (uint32_t at = sizeof(*header); !ended && total - at >= sizeof(struct tag);) {
        const struct tag *tag = (const struct tag *)(bytes + at);
        if (tag->size < sizeof(*tag) || tag->size > total - at)
            fail_boot("Cannot boot: the loader's boot information has a tag that reaches beyond its end");
        ended = tag->type == TAG_END;
        read_tag(tag);
        /* §3.6: tags are padded, so that each starts at a multiple of 8; the last one need not be. */
        uint32_t step = (tag->size + 7) & ~7u;
        at = step < total - at ? at + step : total;
    }
    if (!ended)
        fail_boot("Cannot boot: the loader's boot information has no end");
    if (ram_range_count == 0)
        fail_boot("Cannot boot: the loader passed no memory map");
}
