/*
 * One TCP connection that reads or writes for so many milliseconds, 128 KiB at a time as iperf3 does, and prints the
 * octets that were moved and the microseconds that went by.
 * Usage: tcp-stream ADDRESS PORT read|write MILLISECONDS
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define PIECE (128 << 10)
#define PATIENCE_MS 2000

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int fail(const char *what)
{
    fprintf(stderr, "tcp-stream: cannot %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    static char piece[PIECE];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *to;
    if (argc != 5 || getaddrinfo(argv[1], argv[2], &hints, &to) != 0) {
        fprintf(stderr, "usage: tcp-stream ADDRESS PORT read|write MILLISECONDS\n");
        return 2;
    }
    short wanted = strcmp(argv[3], "read") == 0 ? POLLIN : POLLOUT;
    int64_t length_us = atol(argv[4]) * 1000;
    int wire = socket(to->ai_family, SOCK_STREAM, 0);
    if (wire < 0 || connect(wire, to->ai_addr, to->ai_addrlen) < 0)
        return fail("connect");
    int64_t start = now_us(), now = start;
    uint64_t moved = 0;
    while ((now = now_us()) - start < length_us) {
        struct pollfd more = {.fd = wire, .events = wanted};
        if (poll(&more, 1, PATIENCE_MS) == 0) {
            errno = ETIMEDOUT;
            return fail("go on");
        }
        ssize_t length = wanted == POLLIN ? recv(wire, piece, PIECE, MSG_DONTWAIT) : send(wire, piece, PIECE, MSG_DONTWAIT);
        if (length < 0 && errno != EAGAIN)
            return fail("move octets");
        if (length > 0)
            moved += (uint64_t)length;
    }
    /* What the other end has not acknowledged has not come. */
    int waiting = 0;
    if (wanted == POLLOUT && ioctl(wire, SIOCOUTQ, &waiting) < 0)
        return fail("ask what waits");
    struct linger at_once = {.l_onoff = 1};
    setsockopt(wire, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    printf("%lu %ld\n", moved - (uint64_t)waiting, (long)(now - start));
    return 0;
}
