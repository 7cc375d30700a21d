/*
 * So many TCP connections that one thread reads or writes for so many milliseconds, as iperf3 does:
 * it waits for all by select, and moves pieces of 128 KiB, each connection from memory of its own.
 * Prints the octets that were moved, the microseconds that went by, and the octets of the
 * connections that moved least and most.
 * Usage: tcp-streams ADDRESS PORT read|write MILLISECONDS CONNECTIONS
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE (128 << 10)
#define MOST_CONNECTIONS 64
/* What may be written goes round so often before it is asked anew what may be. */
#define ROUNDS_OF_WRITING 10
#define PATIENCE_S 2

struct connection {
    int wire;
    uint64_t moved;
    char *piece;
};

static struct connection connections[MOST_CONNECTIONS];
static int count;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "tcp-streams: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_connections(const struct addrinfo *to)
{
    for (struct connection *c = connections; c < connections + count; c++) {
        c->wire = socket(to->ai_family, SOCK_STREAM, 0);
        c->piece = malloc(PIECE);
        if (c->wire < 0 || c->piece == NULL || connect(c->wire, to->ai_addr, to->ai_addrlen) < 0)
            fail("connect");
        memset(c->piece, 'e', PIECE);
    }
    for (struct connection *c = connections; c < connections + count; c++)
        if (fcntl(c->wire, F_SETFL, O_NONBLOCK) < 0)
            fail("connect");
}

/* A piece, or as much of one as goes without waiting. */
static void move_piece(struct connection *c, bool is_reader)
{
    for (size_t done = 0; done < PIECE;) {
        ssize_t length = is_reader ? read(c->wire, c->piece + done, PIECE - done)
                                   : write(c->wire, c->piece + done, PIECE - done);
        if (length < 0 && errno == EAGAIN)
            return;
        if (length <= 0)
            fail("move octets");
        done += (size_t)length;
        c->moved += (uint64_t)length;
    }
}

static void move_what_can(bool is_reader)
{
    fd_set ready;
    FD_ZERO(&ready);
    int highest = 0;
    for (struct connection *c = connections; c < connections + count; c++) {
        FD_SET(c->wire, &ready);
        highest = c->wire > highest ? c->wire : highest;
    }
    struct timeval patience = {.tv_sec = PATIENCE_S};
    if (select(highest + 1, is_reader ? &ready : NULL, is_reader ? NULL : &ready, NULL, &patience) == 0) {
        errno = ETIMEDOUT;
        fail("go on");
    }
    for (int round = is_reader ? 1 : ROUNDS_OF_WRITING; round > 0; round--)
        for (struct connection *c = connections; c < connections + count; c++)
            if (FD_ISSET(c->wire, &ready))
                move_piece(c, is_reader);
}

static void print_moved(bool is_reader, int64_t elapsed_us)
{
    uint64_t moved = 0, least = UINT64_MAX, most = 0;
    for (struct connection *c = connections; c < connections + count; c++) {
        /* What the other end has not acknowledged has not come. */
        int waiting = 0;
        if (!is_reader && ioctl(c->wire, SIOCOUTQ, &waiting) < 0)
            fail("ask what waits");
        uint64_t come = c->moved - (uint64_t)waiting;
        moved += come;
        least = come < least ? come : least;
        most = come > most ? come : most;
    }
    printf("%lu %ld %lu %lu\n", moved, (long)elapsed_us, least, most);
}

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *to;
    count = argc == 6 ? atoi(argv[5]) : 0;
    if (count < 1 || count > MOST_CONNECTIONS || getaddrinfo(argv[1], argv[2], &hints, &to) != 0) {
        fprintf(stderr, "usage: tcp-streams ADDRESS PORT read|write MILLISECONDS CONNECTIONS\n");
        return 2;
    }
    bool is_reader = strcmp(argv[3], "read") == 0;
    int64_t length_us = atol(argv[4]) * 1000;
    open_connections(to);
    int64_t start = now_us(), now = start;
    while ((now = now_us()) - start < length_us)
        move_what_can(is_reader);
    print_moved(is_reader, now - start);
    for (struct connection *c = connections; c < connections + count; c++) {
        struct linger at_once = {.l_onoff = 1};
        setsockopt(c->wire, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    return 0;
}
