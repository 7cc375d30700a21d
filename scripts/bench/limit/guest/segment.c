/* What a frame from the peer says of TCP. */
#include "limit.h"

#define PROTOCOL_TCP 6
#define SERVICE_PORT 5201
#define OPTION_NOTHING 1
#define OPTION_WINDOW_SCALE 3

bool segment_read(const uint8_t *buffer, struct segment *segment)
{
    const uint8_t *ip = buffer + VIRTIO_NET_HEADER + ETHERNET_HEADER;
    uint32_t type = frame_get16(ip - 2);
    if (type != 0x0800 && type != 0x86dd)
        return false;
    bool is_ipv6 = type == 0x86dd;
    if (ip[is_ipv6 ? 6 : 9] != PROTOCOL_TCP)
        return false;
    uint32_t length = is_ipv6 ? frame_get16(ip + 4) : frame_get16(ip + 2) - 20;
    const uint8_t *tcp = ip + (is_ipv6 ? 40 : 20);
    *segment = (struct segment){
        .is_ipv6 = is_ipv6,
        .sequence = frame_get32(tcp + TCP_SEQUENCE),
        .acknowledgment = frame_get32(tcp + TCP_ACKNOWLEDGMENT),
        .flags = tcp[TCP_FLAGS + 1],
        .window = frame_get16(tcp + TCP_WINDOW),
        .payload_length = length - (uint32_t)(tcp[TCP_FLAGS] >> 4) * 4,
        .tcp = tcp,
    };
    return frame_get16(tcp + TCP_DESTINATION) == SERVICE_PORT;
}

uint32_t segment_window_scale(const struct segment *segment)
{
    const uint8_t *end = segment->tcp + (segment->tcp[TCP_FLAGS] >> 4) * 4;
    for (const uint8_t *option = segment->tcp + TCP_HEADER; option < end && *option != 0;) {
        if (*option == OPTION_WINDOW_SCALE)
            return option[2];
        option += *option == OPTION_NOTHING || option[1] < 2 ? 1 : option[1];
    }
    return 0;
}
