/* What the files of the limit guest share: the driver's side of one virtio-net device, and frames for it. */
#ifndef LIMIT_H
#define LIMIT_H

#include "boot.h"

/* Virtio 1.3 §5.1.3 and §6: what is taken of what is offered. */
#define FEATURE_CSUM (1ull << 0)
#define FEATURE_GUEST_CSUM (1ull << 1)
#define FEATURE_GUEST_TSO4 (1ull << 7)
#define FEATURE_GUEST_TSO6 (1ull << 8)
#define FEATURE_HOST_TSO4 (1ull << 11)
#define FEATURE_HOST_TSO6 (1ull << 12)
#define FEATURE_MRG_RXBUF (1ull << 15)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)

/* pci.c */
struct pci_device {
    uint32_t function; /* bus, device and function as in the address port */
    volatile uint8_t *common, *notify;
    uint32_t notify_multiplier;
};
void pci_open(struct pci_device *device);

/* virtqueue.c: a split virtqueue with an event index (virtio 1.3 §2.7). */
#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
struct used_element {
    uint32_t id, length;
};
struct virtqueue {
    uint16_t size, available, seen; /* what this side has made available and has seen used, modulo 2^16 */
    uint16_t published;
    struct descriptor *descriptors;
    volatile uint16_t *available_ring; /* flags, idx, ring, used_event */
    volatile uint16_t *used_ring;      /* flags, idx, elements, avail_event */
    volatile uint16_t *doorbell;
    uint16_t index;
};
void queue_allocate(struct virtqueue *queue, uint16_t index, uint16_t size);
/* The chain that begins at a descriptor is the device's with the next queue_publish. */
void queue_add(struct virtqueue *queue, uint16_t head);
/* One barrier, and a doorbell if the device asks for one. */
void queue_publish(struct virtqueue *queue);
/* The next used element, or NULL. */
const struct used_element *queue_take(struct virtqueue *queue);
/* Asks for an interrupt once `count` more are used; false when they are already. */
bool queue_arm(struct virtqueue *queue, uint16_t count);

/* device.c */
struct net_device {
    uint64_t features;
    struct virtqueue receive, transmit;
};
/* Resets, negotiates and starts the device; ends the guest with one line when that cannot be. */
void device_open(struct net_device *device);

/* frames.c */
#define VIRTIO_NET_HEADER 12
#define ETHERNET_HEADER 14
#define TCP_HEADER 20
/* Of TCP's header (RFC 9293 §3.1): offsets, and flags in the second octet of two. */
#define TCP_DESTINATION 2
#define TCP_SEQUENCE 4
#define TCP_ACKNOWLEDGMENT 8
#define TCP_FLAGS 12
#define TCP_WINDOW 14
#define TCP_CHECKSUM 16
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define LONGEST_FRAME 65535u
#define MTU 1500
/* Both ends of a connection, in the order in which a frame to the guest has them. */
struct peer {
    bool is_ipv6;
    uint8_t macs[12], addresses[32], ports[4];
};
struct frame {
    uint8_t *bytes; /* virtio_net_hdr first */
    uint32_t header_length, length;
};
struct frame_plan {
    bool is_completed;                       /* the checksum is all there, of the payload too */
    uint32_t payload_length, segment_length; /* no longer than a segment: nothing to segment */
};
uint32_t ip_header_length(const struct peer *peer);
/* Memory for a frame whose header comes from frame_write. Frames may have their payload in common. */
uint8_t *frame_allocate(uint32_t length);
/*
 * Header of a TCP segment of `payload` to the peer, and virtio_net_hdr before it; returns the length of both. Sequence
 * and acknowledgment numbers are 0 and the flags ACK.
 */
uint32_t frame_write(uint8_t *bytes, const struct peer *peer, const struct frame_plan *plan, const uint8_t *payload);
/* Sets a field of the TCP header of a frame; a checksum that is all there stays right (RFC 1624). */
void frame_set32(uint8_t *tcp, uint32_t offset, uint32_t value, bool is_completed);
void frame_set16(uint8_t *tcp, uint32_t offset, uint32_t value, bool is_completed);
uint32_t frame_get16(const uint8_t *at);
uint32_t frame_get32(const uint8_t *at);

/* main.c: the number of this name on the command line, or `otherwise`. */
uint64_t option(const char *name, uint64_t otherwise);

/* sending.c: a ring full of frames, most of one size, which differ in their port and numbers. */
struct sending {
    struct virtqueue *queue;
    struct peer peer;
    uint32_t payload_length, segment_length, tcp_offset;
    uint16_t chains, free_count;
    bool is_completed;
    uint8_t *headers;
    uint16_t free[1024];
};
/* As many chains as the record says. */
void sending_prepare(struct sending *sending, struct net_device *device, const struct peer *peer);
/* The device has used a descriptor of a chain. */
void sending_free(struct sending *sending, uint32_t descriptor);
/* Takes back what has been sent; for a ring of chains alone. */
void sending_reclaim(struct sending *sending);
/* What differs from frame to frame. A payload shorter than the record's is costly. */
struct frame_numbers {
    uint32_t port, acknowledgment, sequence, payload_length;
};
/* One more frame to a port of the peer goes with the next queue_publish; one must be free. */
void sending_add(struct sending *sending, const struct frame_numbers *numbers);

/* segment.c */
struct segment {
    bool is_ipv6;
    uint32_t sequence, acknowledgment, flags, window, payload_length;
    const uint8_t *tcp;
};
/* False for what is no TCP segment to the service's port. */
bool segment_read(const uint8_t *buffer, struct segment *segment);
uint32_t segment_window_scale(const struct segment *segment);

/* replies.c: frames without payload, each in memory and in a descriptor of its own. */
struct reply {
    uint8_t *bytes, *tcp;
    uint32_t length, window;
    uint16_t descriptor;
    bool is_free, is_completed;
};
/* At most so many octets of a window can be told. */
#define WINDOW_SCALE 4
#define MOST_WINDOW (65535u << WINDOW_SCALE)
void reply_prepare(struct reply *reply, uint16_t descriptor, uint32_t window, bool is_completed);
/* SYN and ACK with the guest's first sequence number, 0, or ACK with the one after it. */
void reply_write(struct reply *reply, const struct peer *peer, bool is_handshake);
/* Goes with the next queue_publish; the reply must be free. */
void reply_add(struct reply *reply, struct virtqueue *queue, uint32_t acknowledgment);

/* loops.c: what the guest does for ever. */
/* As many buffers as the queue holds, or so many; each holds any frame. */
void post_buffers(struct virtqueue *queue, uint16_t most);
void sleep_until_used(struct virtqueue *queue, uint16_t count);
noreturn void run_dropped(struct net_device *device);
noreturn void run_reflector(struct net_device *device);

/* tcp.c: so many connections at once, without what TCP does when something is lost, late or hostile. */
noreturn void run_tcp(struct net_device *device, bool sends, uint32_t streams);

#endif
