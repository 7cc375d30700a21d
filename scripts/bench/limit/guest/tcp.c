/*
 * As little of TCP as a Linux peer on the same host goes along with: a handshake, sequence numbers, the peer's window. What
 * is lost is never seen to be; where nothing moves any more the sender begins again at the last acknowledgment.
 */
#include "limit.h"
#include <string.h>

#define TCP_SEQUENCE 4
#define TCP_ACKNOWLEDGMENT 8
#define TCP_FLAGS 12
#define TCP_WINDOW 14
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define OPTION_WINDOW_SCALE 3
/* Of its own window: 65535 << 4 octets, which is what Eremite offers at most. */
#define WINDOW_SCALE 4
/* A maximum segment size, no operation, a window scale. */
#define SYN_OPTIONS 8
/* An acknowledgment for so many octets, as for sixteen super-frames of Eremite. */
#define ACKNOWLEDGED_EACH (512 << 10)
#define STALLED (200 * MILLISECOND)

struct segment {
    uint32_t sequence, acknowledgment, flags, window, payload_length;
    const uint8_t *tcp;
};

struct connection {
    struct peer peer;
    bool is_open, is_sender;
    uint32_t send_next, send_unacknowledged, send_limit, receive_next, acknowledged;
    uint32_t peer_scale;
    uint64_t moved_ns;
    uint8_t *reply; /* an acknowledgment, from memory of its own */
    uint32_t reply_tcp;
    bool is_reply_free, is_completed;
};

static struct connection connection;
static struct sending sending;

/* The descriptor of replies lies behind those of data. */
static uint16_t reply_descriptor(const struct net_device *device)
{
    return device->transmit.size - 1;
}

/* False for what is no TCP segment to port 5201. */
static bool parse(const uint8_t *buffer, struct segment *segment, bool *is_ipv6)
{
    const uint8_t *ip = buffer + VIRTIO_NET_HEADER + ETHERNET_HEADER;
    uint32_t type = frame_get16(ip - 2);
    if (type != 0x0800 && type != 0x86dd)
        return false;
    *is_ipv6 = type == 0x86dd;
    if (ip[*is_ipv6 ? 6 : 9] != 6)
        return false;
    uint32_t header = *is_ipv6 ? 40 : 20;
    uint32_t length = *is_ipv6 ? frame_get16(ip + 4) : frame_get16(ip + 2) - 20;
    const uint8_t *tcp = ip + header;
    *segment = (struct segment){
        .sequence = frame_get32(tcp + TCP_SEQUENCE),
        .acknowledgment = frame_get32(tcp + TCP_ACKNOWLEDGMENT),
        .flags = tcp[TCP_FLAGS + 1],
        .window = frame_get16(tcp + TCP_WINDOW),
        .payload_length = length - (uint32_t)(tcp[TCP_FLAGS] >> 4) * 4,
        .tcp = tcp,
    };
    return frame_get16(tcp + 2) == 5201;
}

static uint32_t scale_of(const struct segment *segment)
{
    const uint8_t *end = segment->tcp + (segment->tcp[TCP_FLAGS] >> 4) * 4;
    for (const uint8_t *option = segment->tcp + TCP_HEADER; option < end && *option != 0;) {
        if (*option == OPTION_WINDOW_SCALE)
            return option[2];
        option += *option == 1 || option[1] < 2 ? 1 : option[1];
    }
    return 0;
}

/* With the guest's first sequence number, 0, or after it. */
static void reply(struct net_device *device, bool is_handshake)
{
    struct connection *c = &connection;
    if (!c->is_reply_free)
        return;
    struct frame_plan plan = {
        .is_completed = c->is_completed,
        .payload_length = is_handshake ? SYN_OPTIONS : 0,
        .segment_length = SYN_OPTIONS,
    };
    uint32_t mss = MTU - ip_header_length(&c->peer) - TCP_HEADER;
    uint8_t options[SYN_OPTIONS] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss, 1, OPTION_WINDOW_SCALE, 3, WINDOW_SCALE};
    uint32_t length = frame_write(c->reply, &c->peer, &plan, options);
    uint8_t *tcp = c->reply + length - TCP_HEADER;
    if (is_handshake) {
        memcpy(c->reply + length, options, SYN_OPTIONS);
        frame_set16(tcp, TCP_FLAGS, (TCP_HEADER + SYN_OPTIONS) / 4 << 12 | SYN | ACK, c->is_completed);
    }
    frame_set32(tcp, TCP_SEQUENCE, is_handshake ? 0 : c->send_next, c->is_completed);
    frame_set32(tcp, TCP_ACKNOWLEDGMENT, c->receive_next, c->is_completed);
    c->acknowledged = c->receive_next;
    c->is_reply_free = false;
    uint16_t descriptor = reply_descriptor(device);
    device->transmit.descriptors[descriptor] =
        (struct descriptor){.address = (uint64_t)c->reply, .length = length + plan.payload_length};
    queue_add(&device->transmit, descriptor);
    queue_publish(&device->transmit);
}

static void open_connection(struct net_device *device, const struct segment *segment, const uint8_t *buffer, bool is_ipv6)
{
    struct connection *c = &connection;
    const uint8_t *ethernet = buffer + VIRTIO_NET_HEADER;
    uint32_t pair = is_ipv6 ? 32 : 8;
    c->peer.is_ipv6 = is_ipv6;
    memcpy(c->peer.macs, ethernet, 12);
    memcpy(c->peer.addresses, segment->tcp - pair, pair);
    memcpy(c->peer.ports, segment->tcp, 4);
    c->peer_scale = scale_of(segment);
    c->receive_next = segment->sequence + 1;
    c->send_next = c->send_unacknowledged = c->send_limit = 1;
    c->is_open = false;
    reply(device, true);
}

static void accept_segment(struct net_device *device, const struct segment *segment)
{
    struct connection *c = &connection;
    if ((segment->flags & (FIN | RST)) != 0) {
        c->is_open = false;
        return;
    }
    if (!c->is_open) {
        c->is_open = true;
        if (c->is_sender)
            sending_prepare(&sending, device, &c->peer, c->receive_next);
    }
    if ((int32_t)(segment->acknowledgment - c->send_unacknowledged) > 0) {
        c->send_unacknowledged = segment->acknowledgment;
        c->moved_ns = monotonic_ns();
    }
    c->send_limit = segment->acknowledgment + (segment->window << c->peer_scale);
    if (segment->sequence == c->receive_next)
        c->receive_next += segment->payload_length;
}

static void take_received(struct net_device *device)
{
    struct virtqueue *queue = &device->receive;
    const struct used_element *used;
    while ((used = queue_take(queue)) != NULL) {
        const uint8_t *buffer = (const uint8_t *)queue->descriptors[used->id].address;
        struct segment segment;
        bool is_ipv6;
        if (parse(buffer, &segment, &is_ipv6)) {
            if ((segment.flags & SYN) != 0)
                open_connection(device, &segment, buffer, is_ipv6);
            else
                accept_segment(device, &segment);
        }
        queue_add(queue, (uint16_t)used->id);
        if (!connection.is_sender && connection.receive_next - connection.acknowledged >= ACKNOWLEDGED_EACH) {
            queue_publish(queue);
            reply(device, false);
        }
    }
    queue_publish(queue);
}

static void reclaim(struct net_device *device)
{
    const struct used_element *used;
    while ((used = queue_take(&device->transmit)) != NULL) {
        if (used->id == reply_descriptor(device))
            connection.is_reply_free = true;
        else
            sending.free[sending.free_count++] = (uint16_t)(used->id / 2);
    }
}

static void send_what_fits(void)
{
    struct connection *c = &connection;
    if (c->send_next != c->send_unacknowledged && monotonic_ns() - c->moved_ns > STALLED) {
        c->send_next = c->send_unacknowledged;
        c->moved_ns = monotonic_ns();
    }
    while (sending.free_count > 1 && (int32_t)(c->send_limit - c->send_next) >= (int32_t)sending.payload_length) {
        if (c->send_next == c->send_unacknowledged)
            c->moved_ns = monotonic_ns();
        sending_add(&sending, c->send_next);
        c->send_next += sending.payload_length;
    }
    queue_publish(sending.queue);
}

noreturn void run_tcp(struct net_device *device, bool is_sender)
{
    struct connection *c = &connection;
    c->is_sender = is_sender;
    c->is_completed = (device->features & FEATURE_CSUM) == 0;
    c->reply = frame_allocate(VIRTIO_NET_HEADER + MTU);
    c->is_reply_free = true;
    post_buffers(&device->receive);
    for (;;) {
        take_received(device);
        reclaim(device);
        if (c->is_open && is_sender)
            send_what_fits();
        if (c->is_open && c->acknowledged != c->receive_next)
            reply(device, false);
        sleep_until_used(&device->receive, 1);
    }
}
