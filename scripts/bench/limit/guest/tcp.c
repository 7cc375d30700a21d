/*
 * As little of TCP as a Linux peer on the same host goes along with: handshakes, sequence numbers,
 * the peer's windows. What is lost is never seen to be; where nothing moves any more the sender
 * begins again at the last acknowledgment.
 */
#include "limit.h"
#include <string.h>

#define MOST_CONNECTIONS 64
#define PORTS 65536
/* Of all together: a TAP keeps 1,000 frames and drops the next, of which the host hears late. */
#define WINDOWS (16u << 20)
/*
 * An acknowledgment at once for so many octets, at the end of a turn for so many, and for any when
 * nothing has come for so long. At the end for any, 64 streams took QEMU a fifth more time.
 */
#define ACKNOWLEDGED_EACH (512u << 10)
#define ACKNOWLEDGED_AT_END (64u << 10)
#define PATIENCE_FOR_MORE (60 * MICROSECOND)
#define PATIENCE (10 * MILLISECOND)
/*
 * Buffers of super-frames are so few that their memory stays in a cache: with 128 QEMU takes up to
 * a quarter more time. Segments and ACKs touch little of theirs, and come faster than a guest wakes.
 */
#define SUPER_BUFFERS 32
#define SMALL_BUFFERS 128
/* The device gets its receive buffers back so many at a time. */
#define RETURNED_AT_ONCE 8
#define STALLED (200 * MILLISECOND)

struct connection {
    struct peer peer;
    bool is_open;
    uint32_t send_next, send_unacknowledged, send_limit, receive_next, acknowledged;
    uint32_t stood_at; /* what was unacknowledged when it was looked at last */
    uint32_t peer_scale, port;
    struct reply reply;
};

static struct connection connections[MOST_CONNECTIONS];
/* Connections are found by the peer's port: the place in the table and one, or 0. */
static uint8_t place_of_port[PORTS];
/* How many the peer is to open, has begun and has opened. */
static uint32_t expected, begun, opened;
static bool is_sender;
static struct sending sending;

static struct connection *find_connection(const struct segment *segment)
{
    uint32_t place = place_of_port[frame_get16(segment->tcp)];
    return place == 0 ? NULL : &connections[place - 1];
}

/* Descriptors of replies lie behind those of data. */
static void take_sent(struct net_device *device)
{
    const struct used_element *used;
    while ((used = queue_take(&device->transmit)) != NULL) {
        if (used->id < 2u * sending.chains)
            sending_free(&sending, used->id);
        else
            connections[used->id - 2u * sending.chains].reply.is_free = true;
    }
}

static void acknowledge(struct net_device *device, struct connection *c)
{
    if (!c->reply.is_free)
        take_sent(device);
    if (!c->reply.is_free)
        return;
    reply_add(&c->reply, &device->transmit, c->receive_next);
    c->acknowledged = c->receive_next;
}

static void begin_connection(struct net_device *device, const struct segment *segment, const uint8_t *buffer)
{
    struct connection *c = find_connection(segment);
    if (c == NULL) {
        if (begun == expected)
            return;
        c = &connections[begun++];
        c->port = frame_get16(segment->tcp);
        place_of_port[c->port] = (uint8_t)begun;
    }
    if (!c->reply.is_free)
        return;
    uint32_t pair = segment->is_ipv6 ? 32 : 8;
    c->peer.is_ipv6 = segment->is_ipv6;
    memcpy(c->peer.macs, buffer + VIRTIO_NET_HEADER, 12);
    memcpy(c->peer.addresses, segment->tcp - pair, pair);
    memcpy(c->peer.ports, segment->tcp, 4);
    c->peer_scale = segment_window_scale(segment);
    c->receive_next = segment->sequence + 1;
    c->send_next = c->send_unacknowledged = c->send_limit = 1;
    reply_write(&c->reply, &c->peer, true);
    acknowledge(device, c);
    queue_publish(&device->transmit);
}

static void accept_segment(struct net_device *device, struct connection *c, const struct segment *segment)
{
    if ((segment->flags & (FIN | RST)) != 0) {
        c->is_open = false;
        return;
    }
    if (!c->is_open) {
        c->is_open = true;
        reply_write(&c->reply, &c->peer, false);
        if (opened++ == 0 && is_sender)
            sending_prepare(&sending, device, &c->peer);
    }
    if ((int32_t)(segment->acknowledgment - c->send_unacknowledged) > 0)
        c->send_unacknowledged = segment->acknowledgment;
    c->send_limit = segment->acknowledgment + (segment->window << c->peer_scale);
    if (segment->sequence == c->receive_next)
        c->receive_next += segment->payload_length;
}

/* The connection that the frame was for, or NULL. */
static struct connection *take_frame(struct net_device *device, const uint8_t *buffer)
{
    struct segment segment;
    if (!segment_read(buffer, &segment))
        return NULL;
    if ((segment.flags & SYN) != 0) {
        begin_connection(device, &segment, buffer);
        return NULL;
    }
    struct connection *c = find_connection(&segment);
    if (c != NULL)
        accept_segment(device, c, &segment);
    return c;
}

/* False when nothing was there. */
static bool take_received(struct net_device *device)
{
    struct virtqueue *queue = &device->receive;
    uint16_t first = queue->seen;
    const struct used_element *used;
    while ((used = queue_take(queue)) != NULL) {
        struct connection *c = take_frame(device, (const uint8_t *)queue->descriptors[used->id].address);
        queue_add(queue, (uint16_t)used->id);
        bool is_due = c != NULL && c->receive_next - c->acknowledged >= ACKNOWLEDGED_EACH;
        if (is_due || (uint16_t)(queue->available - queue->published) >= RETURNED_AT_ONCE)
            queue_publish(queue);
        if (is_due) {
            acknowledge(device, c);
            queue_publish(&device->transmit);
        }
    }
    queue_publish(queue);
    return queue->seen != first;
}

/* Of each connection that has as many octets to acknowledge; true when others have fewer. */
static bool acknowledge_from(struct net_device *device, uint32_t least)
{
    bool are_left = false;
    for (struct connection *c = connections; c < connections + begun; c++) {
        uint32_t fresh = c->receive_next - c->acknowledged;
        if (fresh >= least)
            acknowledge(device, c);
        else if (fresh > 0)
            are_left = true;
    }
    queue_publish(&device->transmit);
    return are_left;
}

/* Of a window smaller than a frame, which may stay so until more comes, what segments fill. */
static uint32_t length_that_fits(const struct connection *c)
{
    int32_t room = (int32_t)(c->send_limit - c->send_next);
    if (!c->is_open || room < (int32_t)sending.segment_length)
        return 0;
    if (room >= (int32_t)sending.payload_length)
        return sending.payload_length;
    return c->send_next != c->send_unacknowledged ? 0 : (uint32_t)room - (uint32_t)room % sending.segment_length;
}

/* A frame of each connection in turn, from where it ended the last time. */
static void send_what_fits(void)
{
    static uint32_t place;
    uint32_t full = 0;
    while (full < begun && sending.free_count > 0) {
        struct connection *c = &connections[place];
        place = place + 1 < begun ? place + 1 : 0;
        struct frame_numbers numbers = {c->port, c->receive_next, c->send_next, length_that_fits(c)};
        full++;
        if (numbers.payload_length > 0) {
            sending_add(&sending, &numbers);
            c->send_next += numbers.payload_length;
            full = 0;
        }
    }
    queue_publish(sending.queue);
}

/* What stands where it stood begins anew, and asks for a window with a segment if there is none. */
static void look_for_stalls(void)
{
    static uint64_t looked_ns;
    uint64_t now = monotonic_ns();
    if (now - looked_ns < STALLED)
        return;
    looked_ns = now;
    for (struct connection *c = connections; c < connections + begun; c++) {
        if (c->stood_at == c->send_unacknowledged) {
            c->send_next = c->send_unacknowledged;
            if (length_that_fits(c) == 0)
                c->send_limit = c->send_next + sending.segment_length;
        }
        c->stood_at = c->send_unacknowledged;
    }
}

static void prepare_connections(struct net_device *device)
{
    bool is_completed = (device->features & FEATURE_CSUM) == 0;
    uint32_t window = WINDOWS / expected < MOST_WINDOW ? WINDOWS / expected : MOST_WINDOW;
    sending.chains = (uint16_t)((device->transmit.size - expected) / 2);
    for (uint32_t i = 0; i < expected; i++)
        reply_prepare(&connections[i].reply, (uint16_t)(2u * sending.chains + i), window, is_completed);
}

/* A full ring is filled anew once half of it has been sent, and not when ACKs of all have come. */
static void sleep_until_work(struct net_device *device, uint64_t patience)
{
    uint32_t seen = interrupt_counters[0];
    bool is_full = is_sender && opened == expected && sending.free_count == 0;
    if (is_full && !queue_arm(&device->transmit, sending.chains / 2))
        return;
    if (queue_arm(&device->receive, 1))
        wait_for_interrupt(seen, monotonic_ns() + patience);
}

noreturn void run_tcp(struct net_device *device, bool sends, uint32_t streams)
{
    if (streams == 0 || streams > MOST_CONNECTIONS)
        fail_boot("Cannot measure: streams= must be 1 to 64");
    is_sender = sends;
    expected = streams;
    prepare_connections(device);
    bool takes_super = !is_sender && (device->features & (FEATURE_GUEST_TSO4 | FEATURE_GUEST_TSO6)) != 0;
    post_buffers(&device->receive, takes_super ? SUPER_BUFFERS : SMALL_BUFFERS);
    for (;;) {
        bool has_taken = take_received(device);
        take_sent(device);
        if (is_sender && opened == expected) {
            send_what_fits();
            look_for_stalls();
        }
        bool are_left = acknowledge_from(device, has_taken ? ACKNOWLEDGED_AT_END : 1);
        sleep_until_work(device, are_left ? PATIENCE_FOR_MORE : PATIENCE);
    }
}
