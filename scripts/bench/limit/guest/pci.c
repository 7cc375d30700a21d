/* The virtio-net device on bus 0 (PCI 3.0 §3.2.2.3, virtio 1.3 §4.1.4): its registers, and MSI-X vectors 0 and 1. */
#include "limit.h"
#include "x86.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define VENDOR_VIRTIO 0x1af4
#define DEVICE_TRANSITIONAL 0x1000
#define DEVICE_MODERN 0x1041
#define COMMAND 0x04
#define COMMAND_MEMORY_AND_MASTER 0x6u
#define BAR_0 0x10
#define BAR_64BIT 0x4u
#define CAPABILITIES 0x34
#define CAPABILITY_VENDOR 0x09
#define CAPABILITY_MSIX 0x11
#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define MSIX_ENABLE 0x80000000u
#define MOST_CAPABILITIES 48

static uint32_t read32(uint32_t function, uint32_t offset)
{
    port_write32(ADDRESS_PORT, ADDRESS_ENABLE | function | (offset & 0xfc));
    return port_read32(DATA_PORT);
}

static void write32(uint32_t function, uint32_t offset, uint32_t value)
{
    port_write32(ADDRESS_PORT, ADDRESS_ENABLE | function | (offset & 0xfc));
    port_write32(DATA_PORT, value);
}

static volatile uint8_t *map_bar(uint32_t function, uint32_t bar, uint32_t offset, uint32_t length)
{
    uint64_t low = read32(function, BAR_0 + 4 * bar);
    uint64_t start = low & ~0xfull;
    if ((low & BAR_64BIT) != 0)
        start |= (uint64_t)read32(function, BAR_0 + 4 * bar + 4) << 32;
    start += offset;
    if (!map_range(start, start + length, PAGE_WRITABLE | PAGE_UNCACHED | PAGE_NO_EXECUTE))
        fail_boot("Cannot measure: no memory to map the device");
    return (volatile uint8_t *)start;
}

static void enable_msix(uint32_t function, uint32_t capability)
{
    uint32_t place = read32(function, capability + 4);
    uint32_t entries = (read32(function, capability) >> 16 & 0x7ff) + 1;
    volatile uint32_t *table = (volatile uint32_t *)map_bar(function, place & 7, place & ~7u, entries * 16);
    if (entries < 2)
        fail_boot("Cannot measure: the device has fewer than two interrupt vectors");
    for (uint32_t vector = 0; vector < 2; vector++) {
        table[4 * vector] = interrupt_message_address();
        table[4 * vector + 1] = 0;
        table[4 * vector + 2] = interrupt_message_data(vector);
        table[4 * vector + 3] = 0;
    }
    write32(function, capability, read32(function, capability) | MSIX_ENABLE);
}

static void read_capabilities(struct pci_device *device)
{
    uint32_t function = device->function;
    uint32_t at = read32(function, CAPABILITIES) & 0xfc;
    for (int count = 0; at != 0 && count < MOST_CAPABILITIES; count++) {
        uint32_t head = read32(function, at);
        uint32_t bar = read32(function, at + 4) & 0xff;
        uint32_t offset = read32(function, at + 8), length = read32(function, at + 12);
        if ((head & 0xff) == CAPABILITY_MSIX) {
            enable_msix(function, at);
        } else if ((head & 0xff) == CAPABILITY_VENDOR && head >> 24 == TYPE_COMMON) {
            device->common = map_bar(function, bar, offset, length);
        } else if ((head & 0xff) == CAPABILITY_VENDOR && head >> 24 == TYPE_NOTIFY) {
            device->notify = map_bar(function, bar, offset, length);
            device->notify_multiplier = read32(function, at + 16);
        }
        at = head >> 8 & 0xfc;
    }
}

void pci_open(struct pci_device *device)
{
    for (uint32_t slot = 0; slot < 32; slot++) {
        uint32_t id = read32(slot << 11, 0);
        if ((id & 0xffff) != VENDOR_VIRTIO || (id >> 16 != DEVICE_TRANSITIONAL && id >> 16 != DEVICE_MODERN))
            continue;
        *device = (struct pci_device){.function = slot << 11};
        write32(device->function, COMMAND, read32(device->function, COMMAND) | COMMAND_MEMORY_AND_MASTER);
        read_capabilities(device);
        if (device->common != NULL && device->notify != NULL)
            return;
    }
    fail_boot("Cannot measure: there is no virtio-net-pci device with a modern interface");
}
