/*
 * Keeps so many small datagrams on their way to an echo service for so many milliseconds, and prints the answers that
 * came and the microseconds that went by. One that is lost is sent anew when nothing has come for a while.
 * Usage: datagram-window ADDRESS PORT WINDOW MILLISECONDS OCTETS
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define MOST_OCTETS 1472
#define PATIENCE_MS 20

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    static char octets[MOST_OCTETS];
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc != 6 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || atoi(argv[5]) > MOST_OCTETS) {
        fprintf(stderr, "usage: datagram-window ADDRESS PORT WINDOW MILLISECONDS OCTETS\n");
        return 2;
    }
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    int window = atoi(argv[3]);
    int64_t length_us = atol(argv[4]) * 1000;
    size_t size = (size_t)atoi(argv[5]);
    int wire = socket(AF_INET, SOCK_DGRAM, 0);
    if (wire < 0 || connect(wire, (struct sockaddr *)&to, sizeof(to)) < 0) {
        perror("datagram-window");
        return 1;
    }
    int64_t start = now_us(), now = start;
    long answers = 0;
    int under_way = 0;
    while ((now = now_us()) - start < length_us) {
        for (; under_way < window; under_way++)
            if (send(wire, octets, size, 0) < 0)
                break;
        struct pollfd answer = {.fd = wire, .events = POLLIN};
        if (poll(&answer, 1, PATIENCE_MS) == 0)
            under_way = 0;
        while (recv(wire, octets, sizeof(octets), MSG_DONTWAIT) >= 0) {
            answers++;
            if (under_way > 0)
                under_way--;
        }
    }
    printf("%ld %ld\n", answers, (long)(now - start));
    return 0;
}
