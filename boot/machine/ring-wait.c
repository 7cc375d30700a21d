/* Waits without sleeping for a word that a device writes: shorter than a halt, an interrupt and a wake-up. */
#include "boot.h"
#include "x86.h"

#define LONGEST_NS SECOND
/* The clock costs more than a look, under emulation most of all. */
#define LOOKS_A_TICK 32

/* Without PAUSE: an emulator leaves its translated code there, and takes a lock that its devices need. */
__attribute__((noinline)) bool wait_for_word(const volatile uint16_t *word, uint32_t mask, uint32_t value,
                                             uint32_t seen_total, uint64_t until_ns)
{
    uint64_t now = monotonic_ns();
    uint64_t wait_ns = until_ns <= now ? 0 : until_ns - now;
    uint64_t end = read_tsc() + tsc_ticks_of(wait_ns < LONGEST_NS ? wait_ns : LONGEST_NS);
    do {
        for (int looks = 0; looks < LOOKS_A_TICK; looks++)
            if ((*word & mask) != value || interrupt_counters[0] != seen_total)
                return true;
    } while ((int64_t)(end - read_tsc()) > 0);
    return false;
}
