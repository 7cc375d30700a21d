/*
 * Keeps so many small datagrams on their way to a service for so many milliseconds, and prints the answers that came
 * and the microseconds that went by. An answer is as long as what it answers, or ANSWER octets in datagrams of any
 * length. One that is lost is sent anew when nothing has come for a while.
 * Usage: datagram-window ADDRESS PORT WINDOW MILLISECONDS OCTETS [ANSWER]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define MOST_OCTETS 1472
#define PATIENCE_MS 20
/* For answers that take a busy guest longer: what is asked for twice comes twice, and is too much then. */
#define LONG_PATIENCE_MS 200
/* What the kernel joins of datagrams in a row, and room for all that is on its way. */
#define MOST_JOINED 65535
#define RECEIVE_BUFFER (4 << 20)
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    static char octets[MOST_OCTETS], answer[MOST_JOINED];
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc < 6 || argc > 7 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || atoi(argv[5]) > MOST_OCTETS) {
        fprintf(stderr, "usage: datagram-window ADDRESS PORT WINDOW MILLISECONDS OCTETS [ANSWER]\n");
        return 2;
    }
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    int window = atoi(argv[3]);
    int64_t length_us = atol(argv[4]) * 1000;
    size_t size = (size_t)atoi(argv[5]);
    long whole = argc == 7 ? atol(argv[6]) : (long)size;
    int wire = socket(AF_INET, SOCK_DGRAM, 0);
    if (wire < 0 || connect(wire, (struct sockaddr *)&to, sizeof(to)) < 0) {
        perror("datagram-window");
        return 1;
    }
    if (argc == 7) {
        int on = 1, room = RECEIVE_BUFFER;
        /* They only spare the host work, or lose it less: it goes without, and the kernel sets bounds. */
        setsockopt(wire, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
        setsockopt(wire, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
        setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    }
    int64_t start = now_us(), now = start;
    long answers = 0, received = 0;
    int under_way = 0;
    while ((now = now_us()) - start < length_us) {
        for (; under_way < window; under_way++)
            if (send(wire, octets, size, 0) < 0)
                break;
        struct pollfd news = {.fd = wire, .events = POLLIN};
        if (poll(&news, 1, argc == 7 ? LONG_PATIENCE_MS : PATIENCE_MS) == 0) {
            under_way = 0;
            received = 0;
        }
        for (ssize_t length; (length = recv(wire, answer, sizeof(answer), MSG_DONTWAIT)) >= 0;) {
            for (received += length; received >= whole; received -= whole) {
                answers++;
                if (under_way > 0)
                    under_way--;
            }
        }
    }
    printf("%ld %ld\n", answers, (long)(now - start));
    return 0;
}
