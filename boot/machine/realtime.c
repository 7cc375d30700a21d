/* The date: a base, how much of a correction has been slewed in since, and how fast the machine's timer really is. */
#include "boot.h"

/* A clock that is behind by more is set forward at once (STEPT of RFC 5905 §A.1.1); nothing ever sets it back. */
#define STEP_NS (125 * MILLISECOND)
/* Corrections are spread over so many times their length; a clock that is ahead by more than a second runs at half its rate. */
#define SLEW_DIVISOR 64
#define SLOWEST_DIVISOR 2
/* No timer is worse; what would be more is a lie, or the machine was stopped. */
#define FREQUENCY_LIMIT_PPB 5000000

static uint64_t base_ns;   /* what the clock read at `anchor_ns` of the monotonic one */
static uint64_t anchor_ns;
static int64_t pending_ns; /* to be slewed in from there on */
static int64_t frequency_ppb;
static uint64_t last_ns;
bool realtime_is_known;

/* How much of the correction is in after so long. */
static int64_t slewed(uint64_t elapsed)
{
    uint64_t whole = (uint64_t)(pending_ns < 0 ? -pending_ns : pending_ns);
    uint64_t part = elapsed / (whole > SECOND ? SLOWEST_DIVISOR : SLEW_DIVISOR);
    int64_t done = (int64_t)(part < whole ? part : whole);
    return pending_ns < 0 ? -done : done;
}

static int64_t drifted(uint64_t elapsed)
{
    int64_t seconds = (int64_t)(elapsed / SECOND), rest = (int64_t)(elapsed % SECOND);
    return seconds * frequency_ppb + rest * frequency_ppb / (int64_t)SECOND;
}

uint64_t realtime_ns(void)
{
    uint64_t elapsed = monotonic_ns() - anchor_ns;
    uint64_t now = base_ns + elapsed + (uint64_t)drifted(elapsed) + (uint64_t)slewed(elapsed);
    /* The two parts are rounded each for itself, which may take back a nanosecond. */
    if (now > last_ns)
        last_ns = now;
    return last_ns;
}

void realtime_start(uint64_t now_ns)
{
    base_ns = now_ns;
    anchor_ns = monotonic_ns();
    realtime_is_known = true;
}

void realtime_correct(int64_t offset_ns, int64_t ppb)
{
    uint64_t now = realtime_ns();
    anchor_ns = monotonic_ns();
    bool is_step = offset_ns > (int64_t)STEP_NS;
    base_ns = is_step ? now + (uint64_t)offset_ns : now;
    pending_ns = is_step ? 0 : offset_ns;
    frequency_ppb = ppb > FREQUENCY_LIMIT_PPB ? FREQUENCY_LIMIT_PPB : ppb < -FREQUENCY_LIMIT_PPB ? -FREQUENCY_LIMIT_PPB : ppb;
}
