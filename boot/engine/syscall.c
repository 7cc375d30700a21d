/* What musl asks of a kernel: memory, the console, the clock, a thread pointer. The rest does not exist. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include "boot.h"
#include "x86.h"

#define ARCH_SET_FS 0x1002
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define PROCESS_ID 1

static int64_t system_write(uint64_t descriptor, const char *bytes, uint64_t length)
{
    if (descriptor != 1 && descriptor != 2)
        return -EBADF;
    console_write(bytes, length);
    return (int64_t)length;
}

static int64_t system_writev(uint64_t descriptor, const struct iovec *vectors, uint64_t count)
{
    int64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        int64_t written = system_write(descriptor, vectors[i].iov_base, vectors[i].iov_len);
        if (written < 0)
            return written;
        total += written;
    }
    return total;
}

static uint64_t page_count(uint64_t length)
{
    return (length + PAGE_SIZE - 1) / PAGE_SIZE;
}

static int64_t system_mmap(uint64_t length, uint64_t flags)
{
    if ((flags & MAP_ANONYMOUS) == 0 || (flags & MAP_FIXED) != 0 || length == 0)
        return -EINVAL;
    void *start = pages_allocate(page_count(length));
    if (start == NULL)
        return -ENOMEM;
    clear_words(start, page_count(length) * PAGE_SIZE);
    return (int64_t)start;
}

static int64_t system_munmap(uint64_t start, uint64_t length)
{
    pages_free((void *)start, page_count(length));
    return 0;
}

static int64_t system_mremap(uint64_t start, uint64_t old_length, uint64_t new_length)
{
    return pages_resize((void *)start, page_count(old_length), page_count(new_length)) ? (int64_t)start : -ENOMEM;
}

static int64_t system_clock_gettime(uint64_t clock, struct timespec *result)
{
    uint64_t ns = clock == CLOCK_REALTIME ? realtime_ns() : monotonic_ns();
    result->tv_sec = (time_t)(ns / SECOND);
    result->tv_nsec = (long)(ns % SECOND);
    return 0;
}

static int64_t system_nanosleep(const struct timespec *request)
{
    uint64_t ns = (uint64_t)request->tv_sec * SECOND + (uint64_t)request->tv_nsec;
    uint64_t deadline = monotonic_ns() + ns;
    while (monotonic_ns() < deadline)
        wait_for_interrupt(interrupt_counters[0], deadline);
    return 0;
}

static int64_t system_getrandom(uint8_t *bytes, uint64_t length)
{
    return hardware_random(bytes, length) ? (int64_t)length : -ENOSYS;
}

int64_t handle_syscall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

int64_t handle_syscall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    switch (number) {
    case SYS_write:
        return system_write(a, (const char *)b, c);
    case SYS_writev:
        return system_writev(a, (const struct iovec *)b, c);
    case SYS_read:
    case SYS_readv:
        return a == 0 ? 0 : -EBADF; /* Standard input is at its end. */
    case SYS_mmap:
        return system_mmap(b, d);
    case SYS_munmap:
        return system_munmap(a, b);
    case SYS_mremap:
        return system_mremap(a, b, c);
    case SYS_brk:
        return 0; /* No program break; musl falls back to mmap. */
    case SYS_mprotect:
    case SYS_madvise:
        return 0;
    case SYS_clock_gettime:
        return system_clock_gettime(a, (struct timespec *)b);
    case SYS_nanosleep:
        return system_nanosleep((const struct timespec *)a);
    case SYS_clock_nanosleep:
        return system_nanosleep((const struct timespec *)c);
    case SYS_getrandom:
        return system_getrandom((uint8_t *)a, b);
    case SYS_arch_prctl:
        if (a != ARCH_SET_FS)
            return -EINVAL;
        write_msr(MSR_FS_BASE, b);
        return 0;
    case SYS_ioctl:
        return a <= 2 ? 0 : -ENOTTY; /* TIOCGWINSZ succeeds, so musl buffers standard output by lines. */
    case SYS_set_tid_address:
    case SYS_gettid:
    case SYS_getpid:
        return PROCESS_ID;
    case SYS_open:
    case SYS_openat:
        return -ENOENT; /* No /etc/localtime: the time zone is UTC. */
    case SYS_close:
    case SYS_lseek:
        return -EBADF;
    case SYS_futex:
    case SYS_sched_yield:
    case SYS_rt_sigprocmask:
    case SYS_rt_sigaction:
        return 0; /* One thread, no signals. */
    case SYS_tkill:
    case SYS_kill:
    case SYS_tgkill:
        panic(EXIT_PLATFORM, "abort() was called: the engine found itself in an impossible state", "");
    case SYS_exit:
    case SYS_exit_group:
        exit_guest(a == 0 ? EXIT_CLEAN : EXIT_PLATFORM);
    default:
        return -ENOSYS;
    }
}
