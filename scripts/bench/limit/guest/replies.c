/* What a connection answers, in one frame: to its SYN first, then acknowledgments made once. */
#include "limit.h"
#include <string.h>

/* A maximum segment size, no operation, a window scale. */
#define SYN_OPTIONS 8
#define OPTION_WINDOW_SCALE 3

void reply_prepare(struct reply *reply, uint16_t descriptor, uint32_t window, bool is_completed)
{
    *reply = (struct reply){
        .bytes = frame_allocate(VIRTIO_NET_HEADER + MTU),
        .window = window,
        .descriptor = descriptor,
        .is_free = true,
        .is_completed = is_completed,
    };
}

void reply_write(struct reply *reply, const struct peer *peer, bool is_handshake)
{
    struct frame_plan plan = {
        .is_completed = reply->is_completed,
        .payload_length = is_handshake ? SYN_OPTIONS : 0,
        .segment_length = SYN_OPTIONS,
    };
    uint32_t mss = MTU - ip_header_length(peer) - TCP_HEADER;
    uint8_t options[SYN_OPTIONS] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss, 1, OPTION_WINDOW_SCALE, 3, WINDOW_SCALE};
    uint32_t length = frame_write(reply->bytes, peer, &plan, options);
    reply->tcp = reply->bytes + length - TCP_HEADER;
    reply->length = length + plan.payload_length;
    if (is_handshake) {
        memcpy(reply->bytes + length, options, SYN_OPTIONS);
        frame_set16(reply->tcp, TCP_FLAGS, (TCP_HEADER + SYN_OPTIONS) / 4 << 12 | SYN | ACK, reply->is_completed);
    }
    if (!is_handshake)
        frame_set16(reply->tcp, TCP_WINDOW, reply->window >> WINDOW_SCALE, reply->is_completed);
    frame_set32(reply->tcp, TCP_SEQUENCE, is_handshake ? 0 : 1, reply->is_completed);
}

void reply_add(struct reply *reply, struct virtqueue *queue, uint32_t acknowledgment)
{
    frame_set32(reply->tcp, TCP_ACKNOWLEDGMENT, acknowledgment, reply->is_completed);
    queue->descriptors[reply->descriptor] =
        (struct descriptor){.address = (uint64_t)reply->bytes, .length = reply->length};
    reply->is_free = false;
    queue_add(queue, reply->descriptor);
}
