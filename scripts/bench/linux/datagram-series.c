/*
 * Answers each datagram to port 7777 with fifty of 1,200 octets that the kernel or the device cuts from one
 * (UDP_SEGMENT), and each to port 7778 with as many that are sent one by one, in one call.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SERIES 50
#define SEGMENT 1200
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static char octets[SERIES * SEGMENT];

static int open_port(uint16_t port, int segment)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    int wire = socket(AF_INET, SOCK_DGRAM, 0);
    if (wire < 0 || bind(wire, (struct sockaddr *)&own, sizeof(own)) < 0) {
        perror("datagram-series");
        return -1;
    }
    if (segment > 0 && setsockopt(wire, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0) {
        perror("datagram-series: UDP_SEGMENT");
        return -1;
    }
    return wire;
}

static void send_one_by_one(int wire, struct sockaddr_in *to)
{
    struct mmsghdr messages[SERIES];
    struct iovec parts[SERIES];
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < SERIES; i++) {
        parts[i] = (struct iovec){.iov_base = octets + i * SEGMENT, .iov_len = SEGMENT};
        messages[i].msg_hdr.msg_name = to;
        messages[i].msg_hdr.msg_namelen = sizeof(*to);
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int sent = 0; sent < SERIES;) {
        int more = sendmmsg(wire, messages + sent, SERIES - sent, 0);
        if (more <= 0)
            return;
        sent += more;
    }
}

int main(void)
{
    int cut = open_port(7777, SEGMENT), whole = open_port(7778, 0);
    if (cut < 0 || whole < 0)
        return 1;
    memset(octets, 0x55, sizeof(octets));
    struct pollfd requests[] = {{.fd = cut, .events = POLLIN}, {.fd = whole, .events = POLLIN}};
    for (;;) {
        poll(requests, 2, -1);
        for (int i = 0; i < 2; i++) {
            struct sockaddr_in from;
            socklen_t length = sizeof(from);
            char request[64];
            if ((requests[i].revents & POLLIN) == 0)
                continue;
            if (recvfrom(requests[i].fd, request, sizeof(request), 0, (struct sockaddr *)&from, &length) < 0)
                continue;
            if (i == 0)
                sendto(cut, octets, sizeof(octets), 0, (struct sockaddr *)&from, length);
            else
                send_one_by_one(whole, &from);
        }
    }
}
