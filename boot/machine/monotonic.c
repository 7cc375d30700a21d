/* Monotonic nanoseconds since entry, from the TSC; 0 until its rate is known. */
#include "boot.h"
#include "x86.h"

/* ns = ticks * multiplier / 2^32 */
static uint64_t multiplier;
static uint64_t last_ns;

void monotonic_start(uint64_t tsc_ticks_per_second)
{
    multiplier = (SECOND << 32) / tsc_ticks_per_second;
}

uint64_t monotonic_ns(void)
{
    uint64_t ticks = read_tsc() - entry_tsc, low, high;
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(ticks), "r"(multiplier) : "cc");
    uint64_t ns = high << 32 | low >> 32;
    /* The TSC of another host CPU may lag behind; time never goes back. */
    if (ns < last_ns)
        return last_ns;
    last_ns = ns;
    return ns;
}

uint64_t tsc_ticks_of(uint64_t ns)
{
    return (ns << 32) / multiplier;
}
