/* The transmit ring, described once: chains of header and payload. Ports and numbers change. */
#include "limit.h"
#include <string.h>

/* So much different payload that the host's copy of it does not stay in a first-level cache. */
#define PAYLOADS 16
#define HEADER_ROOM 128

static uint8_t *payloads[PAYLOADS];

static void make_payloads(void)
{
    for (int i = 0; i < PAYLOADS && payloads[i] == NULL; i++) {
        payloads[i] = frame_allocate(LONGEST_FRAME);
        for (uint32_t at = 0; at < LONGEST_FRAME; at++)
            payloads[i][at] = (uint8_t)(at >> 2);
    }
}

static void write_chain(struct sending *sending, uint16_t chain, uint32_t payload_length)
{
    struct frame_plan plan = {
        .is_completed = sending->is_completed,
        .payload_length = payload_length,
        .segment_length = sending->segment_length,
    };
    uint8_t *header = sending->headers + chain * HEADER_ROOM, *payload = payloads[chain % PAYLOADS];
    struct descriptor *descriptors = sending->queue->descriptors + 2 * chain;
    descriptors[0] = (struct descriptor){
        .address = (uint64_t)header,
        .length = frame_write(header, &sending->peer, &plan, payload),
        .flags = DESCRIPTOR_NEXT,
        .next = (uint16_t)(2 * chain + 1),
    };
    descriptors[1] = (struct descriptor){.address = (uint64_t)payload, .length = payload_length};
}

void sending_prepare(struct sending *sending, struct net_device *device, const struct peer *peer)
{
    uint32_t headers = ip_header_length(peer) + TCP_HEADER, segment = MTU - headers;
    bool is_segmented = (device->features & (peer->is_ipv6 ? FEATURE_HOST_TSO6 : FEATURE_HOST_TSO4)) != 0;
    uint32_t most = (LONGEST_FRAME - ETHERNET_HEADER - headers) / segment;
    sending->queue = &device->transmit;
    sending->peer = *peer;
    sending->segment_length = segment;
    sending->payload_length = (is_segmented ? most : 1) * segment;
    sending->tcp_offset = VIRTIO_NET_HEADER + ETHERNET_HEADER + ip_header_length(peer);
    sending->is_completed = (device->features & FEATURE_CSUM) == 0;
    sending->headers = frame_allocate(sending->chains * HEADER_ROOM);
    make_payloads();
    for (uint16_t chain = 0; chain < sending->chains; chain++) {
        write_chain(sending, chain, sending->payload_length);
        sending->free[sending->free_count++] = chain;
    }
}

void sending_free(struct sending *sending, uint32_t descriptor)
{
    sending->free[sending->free_count++] = (uint16_t)(descriptor / 2);
}

void sending_reclaim(struct sending *sending)
{
    const struct used_element *used;
    while ((used = queue_take(sending->queue)) != NULL)
        sending_free(sending, used->id);
}

void sending_add(struct sending *sending, const struct frame_numbers *numbers)
{
    uint16_t chain = sending->free[--sending->free_count];
    uint8_t *tcp = sending->headers + chain * HEADER_ROOM + sending->tcp_offset;
    if (sending->queue->descriptors[2 * chain + 1].length != numbers->payload_length)
        write_chain(sending, chain, numbers->payload_length);
    frame_set16(tcp, TCP_DESTINATION, numbers->port, sending->is_completed);
    frame_set32(tcp, TCP_SEQUENCE, numbers->sequence, sending->is_completed);
    frame_set32(tcp, TCP_ACKNOWLEDGMENT, numbers->acknowledgment, sending->is_completed);
    queue_add(sending->queue, (uint16_t)(2 * chain));
}
