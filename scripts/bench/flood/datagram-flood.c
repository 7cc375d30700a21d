/*
 * Sends small UDP datagrams to one port at a steady rate, from several source ports in turn, until the time is over or
 * SIGTERM comes, and says how many.
 * Usage: datagram-flood ADDRESS PORT PER_SECOND SECONDS SOURCES
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { MOST_SOURCES = 64, PAYLOAD = 18, TICK_NS = 1000000, SECOND_NS = 1000000000 };

static volatile sig_atomic_t is_over = 0;

static void end(int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: datagram-flood ADDRESS PORT PER_SECOND SECONDS SOURCES\n");
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    int64_t rate = atol(argv[3]);
    int64_t total = rate * atol(argv[4]);
    int sources = atoi(argv[5]);
    int wires[MOST_SOURCES];
    char payload[PAYLOAD] = "datagram of flood";
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || sources < 1 || sources > MOST_SOURCES)
        return 2;
    for (int i = 0; i < sources; i++) {
        wires[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (wires[i] < 0 || connect(wires[i], (struct sockaddr *)&to, sizeof to) < 0) {
            perror("datagram-flood");
            return 1;
        }
    }
    signal(SIGTERM, end);
    int64_t start = now_ns();
    int64_t sent = 0;
    for (int64_t count = 0; count < total && !is_over;) {
        int64_t due = (now_ns() - start) * rate / SECOND_NS;
        for (; count < due && count < total; count++)
            /* An answer that the port is closed fails the next send, which then goes again. */
            if (send(wires[count % sources], payload, PAYLOAD, 0) == PAYLOAD ||
                send(wires[count % sources], payload, PAYLOAD, 0) == PAYLOAD)
                sent++;
        struct timespec tick = {.tv_nsec = TICK_NS};
        nanosleep(&tick, NULL);
    }
    printf("%ld\n", (long)sent);
    return 0;
}
