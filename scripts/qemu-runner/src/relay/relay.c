/*
 * A wire between two TAPs that loses, doubles, reorders, delays and queues Ethernet frames by seed, both ways.
 *
 * The TAPs have no vnet header, so the kernel segments and checksums whatever it forwards to them: each frame here is
 * one packet, and a loss is the loss of one segment. Every decision depends on the seed, the direction and the frame's
 * number only (seeded-draws.ts has the same function), never on time or on what travels the other way.
 *
 *   relay TAP-A TAP-B     prints "ready"; then takes commands from standard input, one a line, until that ends
 *     set SEED SCOPE LOSS-A LOSS-B TWICE-A TWICE-B HOLD-A HOLD-B HOLD-US DELAY-US BITS-PER-SECOND QUEUE-BYTES
 *         PACKET-BYTES-A PACKET-BYTES-B
 *     counters            prints one line of JSON
 *   relay --decide N      reads one `set`, prints the fates of the first N frames of both directions, and ends
 *
 * A: what comes from TAP A. Probabilities are of 2^32. SCOPE 1: all frames can be harmed; 0: those of TCP only. What is
 * larger than PACKET-BYTES without its Ethernet header vanishes, and counts for no fate; 0: nothing is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 65600
#define ETHERNET_HEADER_BYTES 14
/* Beyond what 1 Gbit/s has in flight in a second: what comes then is dropped, and counted as `overflowed`. */
#define PENDING_FRAMES_MAX 65536
#define FRAMES_A_TURN 64
#define COMMAND_BYTES_MAX 512
#define LATENESS_US_MAX 4096
/* By about so much a timer is late on a virtual machine whose processor has halted: that much is waited for awake. */
#define AWAKE_NS 25000ull
#define NANOSECONDS 1000000000ull
#define NEVER UINT64_MAX

enum purpose { LOSS, DUPLICATION, HOLDING };

struct settings {
    uint32_t seed;
    bool harms_all;
    uint64_t loss[2], duplication[2], holding[2]; /* of 2^32 */
    uint64_t hold_ns, delay_ns;
    uint64_t bits_per_second; /* 0: no limit */
    uint64_t queue_bytes;
    uint64_t packet_bytes[2]; /* 0: no limit */
};

struct counters {
    uint64_t seen, eligible, lost, duplicated, held, queue_dropped, too_large, overflowed, refused;
    uint64_t delivered, delivered_bytes;
    uint32_t late_us[LATENESS_US_MAX]; /* delivered so many microseconds after their due time; the last: or more */
};

struct frame {
    uint64_t due_ns, order;
    uint32_t length;
    uint8_t bytes[];
};

struct direction {
    int number, from, to;
    uint64_t orders, idle_at_ns; /* when the link has sent all that it has accepted */
    struct counters counters;
    struct frame *pending[PENDING_FRAMES_MAX]; /* a heap: the first is due first */
    uint32_t pending_count;
};

struct fate {
    bool is_lost, is_duplicated, is_held;
};

static struct settings settings;
static struct direction directions[2];

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* The finalizer of MurmurHash3. */
static uint32_t mix(uint32_t hash)
{
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

static bool draw(uint64_t probability, uint32_t direction, uint32_t frame, uint32_t purpose)
{
    const uint32_t place[] = {direction, frame, purpose};
    uint32_t hash = mix(settings.seed ^ 0x9e3779b9u);
    for (int i = 0; i < 3; i++)
        hash = mix(hash * 31 ^ mix(place[i] + 0x7f4a7c15u));
    return hash < probability;
}

static struct fate decide(uint32_t direction, uint32_t frame)
{
    return (struct fate){
        .is_lost = draw(settings.loss[direction], direction, frame, LOSS),
        .is_duplicated = draw(settings.duplication[direction], direction, frame, DUPLICATION),
        .is_held = draw(settings.holding[direction], direction, frame, HOLDING),
    };
}

static bool is_before(const struct frame *a, const struct frame *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_add(struct direction *path, struct frame *frame)
{
    struct frame **heap = path->pending;
    uint32_t at = path->pending_count++;
    while (at > 0 && is_before(frame, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = frame;
}

static struct frame *heap_take(struct direction *path)
{
    struct frame **heap = path->pending, *first = heap[0], *last = heap[--path->pending_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= path->pending_count)
            break;
        if (child + 1 < path->pending_count && is_before(heap[child + 1], heap[child]))
            child++;
        if (!is_before(heap[child], last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static bool is_tcp(const uint8_t *frame, uint32_t length)
{
    if (length < 54)
        return false;
    uint32_t type = (uint32_t)frame[12] << 8 | frame[13];
    return (type == 0x0800 && frame[23] == 6) || (type == 0x86dd && frame[20] == 6);
}

static void hold_back(struct direction *path, const uint8_t *bytes, uint32_t length, uint64_t due_ns)
{
    struct frame *frame = path->pending_count < PENDING_FRAMES_MAX ? malloc(sizeof(*frame) + length) : NULL;
    if (frame == NULL) {
        path->counters.overflowed++;
        return;
    }
    frame->due_ns = due_ns;
    frame->order = path->orders++;
    frame->length = length;
    memcpy(frame->bytes, bytes, length);
    heap_add(path, frame);
}

/* Through the queue of a link of limited rate, which drops what finds it full. False: dropped. */
static bool cross_link(struct direction *path, uint32_t length, uint64_t now, uint64_t *sent_ns)
{
    *sent_ns = now;
    if (settings.bits_per_second == 0)
        return true;
    uint64_t start = path->idle_at_ns > now ? path->idle_at_ns : now;
    uint64_t queued_bytes = (start - now) * (settings.bits_per_second / 8) / NANOSECONDS;
    if (settings.queue_bytes != 0 && queued_bytes + length > settings.queue_bytes)
        return false;
    path->idle_at_ns = start + length * 8ull * NANOSECONDS / settings.bits_per_second;
    *sent_ns = path->idle_at_ns;
    return true;
}

static void take(struct direction *path, const uint8_t *bytes, uint32_t length, uint64_t now)
{
    struct counters *counters = &path->counters;
    struct fate fate = {0};
    uint64_t packet_bytes = settings.packet_bytes[path->number];
    counters->seen++;
    if (packet_bytes != 0 && length > ETHERNET_HEADER_BYTES + packet_bytes) {
        counters->too_large++;
        return;
    }
    if (settings.harms_all || is_tcp(bytes, length))
        fate = decide((uint32_t)path->number, (uint32_t)counters->eligible++);
    if (fate.is_lost) {
        counters->lost++;
        return;
    }
    uint64_t sent_ns;
    for (int copies = fate.is_duplicated ? 2 : 1; copies > 0; copies--) {
        if (!cross_link(path, length, now, &sent_ns)) {
            counters->queue_dropped++;
            continue;
        }
        hold_back(path, bytes, length, sent_ns + settings.delay_ns + (fate.is_held ? settings.hold_ns : 0));
    }
    counters->duplicated += fate.is_duplicated;
    counters->held += fate.is_held;
}

static void deliver_due(struct direction *path)
{
    uint64_t now;
    while (path->pending_count > 0 && path->pending[0]->due_ns <= (now = now_ns())) {
        struct frame *frame = heap_take(path);
        uint64_t late_us = (now - frame->due_ns) / 1000;
        path->counters.late_us[late_us < LATENESS_US_MAX ? late_us : LATENESS_US_MAX - 1]++;
        if (write(path->to, frame->bytes, frame->length) == (ssize_t)frame->length) {
            path->counters.delivered++;
            path->counters.delivered_bytes += frame->length;
        } else {
            path->counters.refused++;
        }
        free(frame);
    }
}

/* Whether there may be more to read. */
static bool read_frames(struct direction *path, uint64_t now)
{
    static uint8_t bytes[FRAME_BYTES_MAX];
    for (int count = 0; count < FRAMES_A_TURN; count++) {
        ssize_t length = read(path->from, bytes, sizeof(bytes));
        if (length <= 0)
            return false;
        take(path, bytes, (uint32_t)length, now);
    }
    return true;
}

static bool apply_settings(const char *line)
{
    struct settings s = {0};
    unsigned harms_all;
    uint64_t hold_us, delay_us;
    int count = sscanf(line,
                       "set %" SCNu32 " %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                       " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                       &s.seed, &harms_all, &s.loss[0], &s.loss[1], &s.duplication[0], &s.duplication[1], &s.holding[0],
                       &s.holding[1], &hold_us, &delay_us, &s.bits_per_second, &s.queue_bytes, &s.packet_bytes[0],
                       &s.packet_bytes[1]);
    if (count != 14)
        return false;
    s.harms_all = harms_all != 0;
    s.hold_ns = hold_us * 1000;
    s.delay_ns = delay_us * 1000;
    settings = s;
    /* Frames are numbered from here on; what is on its way stays on its way. */
    for (int i = 0; i < 2; i++) {
        directions[i].counters = (struct counters){0};
        directions[i].idle_at_ns = 0;
    }
    return true;
}

/* The microseconds that so many percent were late at most. */
static uint32_t lateness_of(const struct counters *counters, uint64_t percent)
{
    uint64_t total = counters->delivered + counters->refused, count = 0;
    uint32_t us = 0;
    while ((count += counters->late_us[us]) * 100 < total * percent)
        us++;
    return us;
}

static void print_counters(void)
{
    for (int i = 0; i < 2; i++) {
        const struct counters *c = &directions[i].counters;
        printf("%s{\"seen\":%" PRIu64 ",\"eligible\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64
               ",\"held\":%" PRIu64 ",\"queueDropped\":%" PRIu64 ",\"tooLarge\":%" PRIu64
               ",\"overflowed\":%" PRIu64 ",\"refused\":%" PRIu64
               ",\"delivered\":%" PRIu64 ",\"deliveredBytes\":%" PRIu64 ",\"pending\":%" PRIu32
               ",\"lateUs\":{\"median\":%" PRIu32 ",\"p99\":%" PRIu32 "}}%s",
               i == 0 ? "[" : ",", c->seen, c->eligible, c->lost, c->duplicated, c->held, c->queue_dropped,
               c->too_large, c->overflowed, c->refused, c->delivered, c->delivered_bytes, directions[i].pending_count,
               lateness_of(c, 50), lateness_of(c, 99), i == 0 ? "" : "]\n");
    }
}

/* False when the parent has nothing more to say. */
static bool take_commands(void)
{
    static char text[COMMAND_BYTES_MAX + 1];
    static size_t length;
    ssize_t count = read(STDIN_FILENO, text + length, COMMAND_BYTES_MAX - length);
    if (count <= 0)
        return false;
    length += (size_t)count;
    text[length] = 0;
    char *line = text, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = 0;
        if (strcmp(line, "counters") == 0)
            print_counters();
        else
            puts(apply_settings(line) ? "ok" : "error: cannot read this command");
        line = end + 1;
    }
    length -= (size_t)(line - text);
    memmove(text, line, length);
    fflush(stdout);
    return length < COMMAND_BYTES_MAX;
}

static int open_tap(const char *name)
{
    struct ifreq request = {0};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    int file = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || ioctl(file, TUNSETIFF, &request) != 0) {
        fprintf(stderr, "Cannot open TAP %s: %s\n", name, strerror(errno));
        exit(1);
    }
    return file;
}

static void forward(void)
{
    struct pollfd files[] = {{.fd = directions[0].from, .events = POLLIN},
                             {.fd = directions[1].from, .events = POLLIN},
                             {.fd = STDIN_FILENO, .events = POLLIN}};
    bool is_behind = false;
    for (;;) {
        uint64_t next = NEVER;
        for (int i = 0; i < 2; i++) {
            deliver_due(&directions[i]);
            if (directions[i].pending_count > 0 && directions[i].pending[0]->due_ns < next)
                next = directions[i].pending[0]->due_ns;
        }
        uint64_t now = now_ns();
        uint64_t wait = is_behind || next <= now + AWAKE_NS ? 0 : next - now - AWAKE_NS;
        struct timespec timeout = {.tv_sec = (time_t)(wait / NANOSECONDS), .tv_nsec = (long)(wait % NANOSECONDS)};
        if (ppoll(files, 3, next == NEVER && !is_behind ? NULL : &timeout, NULL) < 0)
            exit(1);
        now = now_ns();
        is_behind = false;
        for (int i = 0; i < 2; i++) {
            if (files[i].revents & (POLLERR | POLLHUP))
                exit(0); /* its namespace has gone */
            if (files[i].revents != 0 && read_frames(&directions[i], now))
                is_behind = true;
        }
        if (files[2].revents != 0 && !take_commands())
            exit(0);
    }
}

static int print_fates(unsigned long count)
{
    char line[COMMAND_BYTES_MAX];
    if (fgets(line, sizeof(line), stdin) == NULL || !apply_settings(line))
        return 1;
    for (uint32_t direction = 0; direction < 2; direction++) {
        for (uint32_t frame = 0; frame < count; frame++) {
            struct fate fate = decide(direction, frame);
            putchar('0' + fate.is_lost + 2 * fate.is_duplicated + 4 * fate.is_held);
        }
        putchar('\n');
    }
    return 0;
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 3) {
        fputs("Usage: relay TAP-A TAP-B | relay --decide N\n", stderr);
        return 2;
    }
    if (strcmp(arguments[1], "--decide") == 0)
        return print_fates(strtoul(arguments[2], NULL, 10));
    int a = open_tap(arguments[1]), b = open_tap(arguments[2]);
    directions[0].number = 0;
    directions[0].from = directions[1].to = a;
    directions[1].number = 1;
    directions[1].from = directions[0].to = b;
    /* The default slack of 50 microseconds would be a part of short delays. */
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    puts("ready");
    fflush(stdout);
    forward();
}
