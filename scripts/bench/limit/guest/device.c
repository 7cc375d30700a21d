/* Brings the device up (virtio 1.3 §3.1.1) with the features that Eremite takes, and says which on port 0xe9. */
#include "limit.h"

/* §4.1.4.3: offsets in the common configuration. */
#define DEVICE_FEATURE_SELECT 0
#define DEVICE_FEATURE 4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE 12
#define DEVICE_STATUS 20
#define QUEUE_SELECT 22
#define QUEUE_SIZE 24
#define QUEUE_VECTOR 26
#define QUEUE_ENABLE 28
#define QUEUE_NOTIFY_OFFSET 30
#define QUEUE_DESCRIPTORS 32
#define QUEUE_DRIVER 40
#define QUEUE_DEVICE 48

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8

#define NEEDED (FEATURE_VERSION_1 | FEATURE_EVENT_IDX)
#define WANTED                                                                                                \
    (NEEDED | FEATURE_CSUM | FEATURE_GUEST_CSUM | FEATURE_GUEST_TSO4 | FEATURE_GUEST_TSO6 | FEATURE_HOST_TSO4 | \
     FEATURE_HOST_TSO6 | FEATURE_MRG_RXBUF)

static struct pci_device pci;

static void write8(uint32_t offset, uint8_t value)
{
    pci.common[offset] = value;
}

static uint16_t read16(uint32_t offset)
{
    return *(volatile uint16_t *)(pci.common + offset);
}

static void write16(uint32_t offset, uint16_t value)
{
    *(volatile uint16_t *)(pci.common + offset) = value;
}

static void write32(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(pci.common + offset) = value;
}

static void write_address(uint32_t offset, const volatile void *address)
{
    write32(offset, (uint32_t)(uint64_t)address);
    write32(offset + 4, (uint32_t)((uint64_t)address >> 32));
}

static uint64_t negotiate(void)
{
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        write32(DEVICE_FEATURE_SELECT, half);
        offered |= (uint64_t)*(volatile uint32_t *)(pci.common + DEVICE_FEATURE) << (32 * half);
    }
    uint64_t taken = offered & WANTED;
    if ((taken & NEEDED) != NEEDED)
        fail_boot("Cannot measure: the device offers no VERSION_1 or no EVENT_IDX");
    for (uint32_t half = 0; half < 2; half++) {
        write32(DRIVER_FEATURE_SELECT, half);
        write32(DRIVER_FEATURE, (uint32_t)(taken >> (32 * half)));
    }
    return taken;
}

static void start_queue(struct virtqueue *queue, uint16_t index)
{
    write16(QUEUE_SELECT, index);
    queue_allocate(queue, index, read16(QUEUE_SIZE));
    write_address(QUEUE_DESCRIPTORS, queue->descriptors);
    write_address(QUEUE_DRIVER, queue->available_ring);
    write_address(QUEUE_DEVICE, queue->used_ring);
    write16(QUEUE_VECTOR, index);
    queue->doorbell = (volatile uint16_t *)(pci.notify + read16(QUEUE_NOTIFY_OFFSET) * pci.notify_multiplier);
    write16(QUEUE_ENABLE, 1);
}

void device_open(struct net_device *device)
{
    pci_open(&pci);
    write8(DEVICE_STATUS, 0);
    while (pci.common[DEVICE_STATUS] != 0)
        continue;
    write8(DEVICE_STATUS, STATUS_ACKNOWLEDGE);
    write8(DEVICE_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    device->features = negotiate();
    uint8_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    write8(DEVICE_STATUS, status);
    if ((pci.common[DEVICE_STATUS] & STATUS_FEATURES_OK) == 0)
        fail_boot("Cannot measure: the device refuses these features");
    start_queue(&device->receive, 0);
    start_queue(&device->transmit, 1);
    write8(DEVICE_STATUS, status | STATUS_DRIVER_OK);
    event_format("{\"event\":\"ready\",\"features\":\"%lx\"}\n", device->features);
}
