/*
 * Frames made once: virtio_net_hdr (virtio 1.3 §5.1.6), Ethernet, IPv4 or IPv6, TCP. Only numbers of TCP's header change
 * from one to the next.
 */
#include "limit.h"
#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define NEEDS_CSUM 1
#define GSO_TCPV4 1
#define GSO_TCPV6 4
#define PROTOCOL_TCP 6

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

uint32_t frame_get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

uint32_t frame_get32(const uint8_t *at)
{
    return frame_get16(at) << 16 | frame_get16(at + 2);
}

static uint32_t sum16(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
    for (uint32_t i = 0; i < length; i++)
        sum += (i & 1) != 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

void frame_set16(uint8_t *tcp, uint32_t offset, uint32_t value, bool is_completed)
{
    if (is_completed) {
        uint32_t sum = (~frame_get16(tcp + TCP_CHECKSUM) & 0xffff) + (~frame_get16(tcp + offset) & 0xffff) + value;
        put16(tcp + TCP_CHECKSUM, (uint16_t)~fold(sum));
    }
    put16(tcp + offset, value);
}

void frame_set32(uint8_t *tcp, uint32_t offset, uint32_t value, bool is_completed)
{
    frame_set16(tcp, offset, value >> 16, is_completed);
    frame_set16(tcp, offset + 2, value & 0xffff, is_completed);
}

uint32_t ip_header_length(const struct peer *peer)
{
    return peer->is_ipv6 ? IPV6_HEADER : IPV4_HEADER;
}

static void swap_pair(uint8_t *to, const uint8_t *pair, uint32_t length)
{
    memcpy(to, pair + length, length);
    memcpy(to + length, pair, length);
}

/* The sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1). */
static uint32_t write_ip(uint8_t *ip, const struct peer *peer, uint32_t transport_length)
{
    if (peer->is_ipv6) {
        memset(ip, 0, 8);
        ip[0] = 0x60;
        put16(ip + 4, transport_length);
        ip[6] = PROTOCOL_TCP;
        ip[7] = 64;
        swap_pair(ip + 8, peer->addresses, 16);
        return sum16(ip + 8, 32, PROTOCOL_TCP + transport_length);
    }
    memset(ip, 0, IPV4_HEADER);
    ip[0] = 0x45;
    put16(ip + 2, IPV4_HEADER + transport_length);
    ip[6] = 0x40; /* DF */
    ip[8] = 64;
    ip[9] = PROTOCOL_TCP;
    swap_pair(ip + 12, peer->addresses, 4);
    put16(ip + 10, (uint16_t)~fold(sum16(ip, IPV4_HEADER, 0)));
    return sum16(ip + 12, 8, PROTOCOL_TCP + transport_length);
}

static void write_tcp(uint8_t *tcp, const struct peer *peer)
{
    memset(tcp, 0, TCP_HEADER);
    swap_pair(tcp, peer->ports, 2);
    put16(tcp + TCP_FLAGS, TCP_HEADER / 4 << 12 | 0x10);
    put16(tcp + TCP_WINDOW, 65535);
}

uint8_t *frame_allocate(uint32_t length)
{
    uint8_t *bytes = dma_allocate(length, 64);
    if (bytes == NULL)
        fail_boot("Cannot measure: no memory for frames");
    return bytes;
}

uint32_t frame_write(uint8_t *bytes, const struct peer *peer, const struct frame_plan *plan, const uint8_t *payload)
{
    uint32_t tcp_start = ETHERNET_HEADER + ip_header_length(peer);
    uint8_t *ethernet = bytes + VIRTIO_NET_HEADER, *tcp = ethernet + tcp_start;
    memset(bytes, 0, VIRTIO_NET_HEADER);
    swap_pair(ethernet, peer->macs, 6);
    put16(ethernet + 12, peer->is_ipv6 ? 0x86dd : 0x0800);
    uint32_t sum = write_ip(ethernet + ETHERNET_HEADER, peer, TCP_HEADER + plan->payload_length);
    write_tcp(tcp, peer);
    /* Fields of virtio_net_hdr are little-endian, as this machine is: flags and gso_type, hdr_len, gso_size, csum_start, csum_offset. */
    uint16_t *fields = (uint16_t *)(void *)bytes;
    if (plan->is_completed) {
        sum = sum16(payload, plan->payload_length, sum16(tcp, TCP_HEADER, sum));
        put16(tcp + TCP_CHECKSUM, (uint16_t)~fold(sum));
    } else {
        put16(tcp + TCP_CHECKSUM, fold(sum));
        bytes[0] = NEEDS_CSUM;
        fields[3] = (uint16_t)tcp_start;
        fields[4] = TCP_CHECKSUM;
    }
    if (plan->payload_length > plan->segment_length) {
        bytes[1] = peer->is_ipv6 ? GSO_TCPV6 : GSO_TCPV4;
        fields[1] = (uint16_t)(tcp_start + TCP_HEADER);
        fields[2] = (uint16_t)plan->segment_length;
    }
    return VIRTIO_NET_HEADER + tcp_start + TCP_HEADER;
}
