/*
 * How fast the TSC and the local APIC timer count, measured against a timer of known frequency: the PIT (channel 0,
 * which every machine type has under TCG), else the ACPI PM timer, unless CPUID tells; microvm under KVM has neither,
 * and there the local APIC timer itself is the reference. Two windows must agree.
 */
#include "boot.h"
#include "x86.h"

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_HZ 1193182u
#define PIT_RATE_GENERATOR 0x34 /* channel 0, low then high byte, mode 2 */
#define PIT_LATCH 0x00
#define PM_TIMER_HZ 3579545u
/* QEMU and KVM both drive the local APIC timer at 1 GHz (KVM: APIC_BUS_FREQUENCY). */
#define VIRTUAL_APIC_HZ 1000000000u

#define WINDOW_MICROSECONDS 1000
#define SAMPLES 5
/* A reference that is still where it was after this many readings is not there at all; a slow one may take longer. */
#define STANDSTILL_POLLS 2000
#define POLLS_MAX 100000
#define ATTEMPTS 8
/* Two windows of 1 ms differ by less than this many millionths, or the host was away in one of them. */
#define TOLERANCE_PPM 2000
#define TSC_HZ_MIN 100000000ull
#define APIC_COUNT_MAX 0xffffffffu

struct sample {
    uint64_t tsc;
    uint32_t apic;  /* counts down */
    uint32_t clock; /* reference ticks, counting up */
};

struct reference {
    uint32_t (*read)(void);
    uint32_t hz, mask;
};

static uint32_t read_pit(void)
{
    port_write8(PIT_COMMAND, PIT_LATCH);
    uint32_t low = port_read8(PIT_CHANNEL0);
    uint32_t high = port_read8(PIT_CHANNEL0);
    return ~(high << 8 | low) & 0xffff;
}

static uint32_t read_pm_timer(void)
{
    return port_read32(acpi.pm_timer_port);
}

static uint32_t read_apic_timer(void)
{
    return ~local_apic_timer_count();
}

/* The reading that took the least time of a few: how long it took bounds its error. */
static struct sample take_sample(const struct reference *reference)
{
    struct sample best = {0, 0, 0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t before = read_tsc();
        uint32_t clock = reference->read();
        uint32_t apic = local_apic_timer_count();
        uint64_t after = read_tsc();
        if (after - before < best_width) {
            best_width = after - before;
            best = (struct sample){before + best_width / 2, apic, clock};
        }
    }
    return best;
}

/* Divides after a multiplication that may need more than 64 bits. */
static uint64_t scale(uint64_t value, uint64_t numerator, uint64_t denominator)
{
    uint64_t quotient, rest;
    __asm__("mulq %3; divq %4" : "=&a"(quotient), "=&d"(rest) : "a"(value), "r"(numerator), "r"(denominator) : "cc");
    return quotient;
}

static bool measure(const struct reference *reference, uint64_t *tsc_hz, uint64_t *apic_hz)
{
    uint32_t ticks = (uint32_t)((uint64_t)reference->hz * WINDOW_MICROSECONDS / 1000000);
    struct sample start = take_sample(reference);
    uint32_t polls = POLLS_MAX;
    for (uint32_t passed = 0; passed < ticks && --polls != 0;) {
        passed = (reference->read() - start.clock) & reference->mask;
        if (passed == 0 && polls < POLLS_MAX - STANDSTILL_POLLS)
            return false;
    }
    struct sample end = take_sample(reference);
    uint32_t elapsed = (end.clock - start.clock) & reference->mask;
    if (polls == 0 || elapsed == 0 || end.tsc <= start.tsc)
        return false;
    *tsc_hz = scale(end.tsc - start.tsc, reference->hz, elapsed);
    *apic_hz = scale(start.apic - end.apic, reference->hz, elapsed);
    return *tsc_hz >= TSC_HZ_MIN && *apic_hz != 0;
}

static bool agree(uint64_t a, uint64_t b)
{
    uint64_t difference = a > b ? a - b : b - a;
    return difference * 1000000 <= a * TOLERANCE_PPM;
}

static bool calibrate_against(const struct reference *reference, uint64_t *tsc_hz, uint64_t *apic_hz)
{
    uint64_t last_tsc = 0, last_apic = 0;
    /* The first run of this code is slow under TCG, which translates it then. */
    take_sample(reference);
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t tsc, apic;
        if (!measure(reference, &tsc, &apic))
            return false;
        if (last_tsc != 0 && agree(tsc, last_tsc) && agree(apic, last_apic)) {
            *tsc_hz = (tsc + last_tsc) / 2;
            *apic_hz = (apic + last_apic) / 2;
            return true;
        }
        last_tsc = tsc;
        last_apic = apic;
    }
    return false;
}

static bool is_virtual_machine(void)
{
    return (cpuid(1, 0).ecx & 1u << 31) != 0;
}

/* CPUID 0x15 (crystal and ratio), the timing leaf of hypervisors (0x40000010, kHz), 0x16 (base MHz). */
static uint64_t tsc_hz_of_cpuid(void)
{
    uint32_t leaves = cpuid(0, 0).eax;
    if (leaves >= 0x15) {
        struct cpuid_result r = cpuid(0x15, 0);
        if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
            return (uint64_t)r.ecx * r.ebx / r.eax;
    }
    if (is_virtual_machine() && cpuid(0x40000000, 0).eax >= 0x40000010) {
        struct cpuid_result r = cpuid(0x40000010, 0);
        if (r.eax != 0)
            return (uint64_t)r.eax * 1000;
    }
    if (leaves >= 0x16)
        return (uint64_t)(cpuid(0x16, 0).eax & 0xffff) * 1000000;
    return 0;
}

/* With the TSC known, the local APIC timer is measured against it. */
static bool measure_apic(uint64_t tsc_hz, uint64_t *apic_hz)
{
    uint64_t start = read_tsc();
    uint32_t count = local_apic_timer_count();
    uint64_t end;
    do
        end = read_tsc();
    while (end - start < tsc_hz / 1000);
    *apic_hz = scale(count - local_apic_timer_count(), tsc_hz, end - start);
    return *apic_hz != 0;
}

bool calibrate_timers(uint64_t *tsc_hz, uint64_t *apic_hz)
{
    static const struct reference pit = {read_pit, PIT_HZ, 0xffff};
    static const struct reference apic_timer = {read_apic_timer, VIRTUAL_APIC_HZ, 0xffffffff};
    struct reference pm_timer = {read_pm_timer, PM_TIMER_HZ, acpi.pm_timer_32bit ? 0xffffffff : 0xffffff};

    local_apic_timer_start(APIC_COUNT_MAX);
    port_write8(PIT_COMMAND, PIT_RATE_GENERATOR);
    port_write8(PIT_CHANNEL0, 0); /* A count of 0 means 65536. */
    port_write8(PIT_CHANNEL0, 0);
    bool done = calibrate_against(&pit, tsc_hz, apic_hz);
    if (!done) {
        *tsc_hz = tsc_hz_of_cpuid();
        done = *tsc_hz >= TSC_HZ_MIN && measure_apic(*tsc_hz, apic_hz);
    }
    if (!done && acpi.pm_timer_port != 0)
        done = calibrate_against(&pm_timer, tsc_hz, apic_hz);
    if (!done && is_virtual_machine())
        done = calibrate_against(&apic_timer, tsc_hz, apic_hz);
    local_apic_timer_start(0);
    return done;
}
