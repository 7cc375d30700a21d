/* What bounds all else: rings refilled with what is there, and nothing looked at. */
#include "limit.h"
#include <string.h>

#define PATIENCE (10 * MILLISECOND)
#define ECHO_BUFFERS 128
#define DISCARD_PORT 9

void sleep_until_used(struct virtqueue *queue, uint16_t count)
{
    uint32_t seen = interrupt_counters[0];
    if (queue_arm(queue, count))
        wait_for_interrupt(seen, monotonic_ns() + PATIENCE);
}

/* Frames to nobody: the host drops them by their address, with no more work than it takes to see that. */
noreturn void run_dropped(struct net_device *device)
{
    static const struct peer nobody[2] = {
        {.macs = "\x52\x54\0\x12\x34\x56\x02\0\0\0\0\xfe",
         .addresses = {10, 0, 0, 1, 10, 0, 0, 2},
         .ports = {0x9c, 0x40, 0x14, 0x51}},
        {.is_ipv6 = true,
         .macs = "\x52\x54\0\x12\x34\x56\x02\0\0\0\0\xfe",
         .addresses = {[0] = 0xfd, [15] = 1, [16] = 0xfd, [31] = 2},
         .ports = {0x9c, 0x40, 0x14, 0x51}},
    };
    static struct sending sending;
    sending.chains = device->transmit.size / 2;
    sending_prepare(&sending, device, &nobody[option("family", 4) == 6]);
    const struct frame_numbers numbers = {.port = DISCARD_PORT, .payload_length = sending.payload_length};
    for (;;) {
        sending_reclaim(&sending);
        while (sending.free_count > 0)
            sending_add(&sending, &numbers);
        queue_publish(sending.queue);
        sleep_until_used(sending.queue, sending.chains / 2);
    }
}

void post_buffers(struct virtqueue *queue, uint16_t most)
{
    uint16_t count = queue->size < most ? queue->size : most;
    uint32_t room = VIRTIO_NET_HEADER + LONGEST_FRAME;
    for (uint16_t i = 0; i < count; i++) {
        queue->descriptors[i] = (struct descriptor){
            .address = (uint64_t)frame_allocate(room), .length = room, .flags = DESCRIPTOR_WRITE};
        queue_add(queue, i);
    }
    queue_publish(queue);
}

static void exchange(uint8_t *one, uint8_t *other, uint32_t length)
{
    uint8_t kept[6];
    memcpy(kept, one, length);
    memcpy(one, other, length);
    memcpy(other, kept, length);
}

/* Sends each IPv4 datagram back from the buffer it came in: with both ends exchanged its checksums stay right. */
noreturn void run_reflector(struct net_device *device)
{
    struct virtqueue *receive = &device->receive, *transmit = &device->transmit;
    post_buffers(receive, ECHO_BUFFERS);
    for (;;) {
        const struct used_element *used;
        while ((used = queue_take(receive)) != NULL) {
            uint16_t id = (uint16_t)used->id;
            uint8_t *buffer = (uint8_t *)receive->descriptors[id].address;
            uint8_t *ethernet = buffer + VIRTIO_NET_HEADER;
            exchange(ethernet, ethernet + 6, 6);
            exchange(ethernet + 26, ethernet + 30, 4);
            exchange(ethernet + 34, ethernet + 36, 2);
            /* num_buffers is the device's word only. */
            buffer[10] = buffer[11] = 0;
            transmit->descriptors[id] = (struct descriptor){.address = (uint64_t)buffer, .length = used->length};
            queue_add(transmit, id);
        }
        queue_publish(transmit);
        while ((used = queue_take(transmit)) != NULL)
            queue_add(receive, (uint16_t)used->id);
        queue_publish(receive);
        sleep_until_used(receive, 1);
    }
}
