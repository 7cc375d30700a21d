/* Random bytes from RDSEED or RDRAND, if the CPU has them and they do not look stuck. */
#include "boot.h"
#include "x86.h"

/* Intel's software guide, "Retry Recommendations": ten tries in a row tell a busy generator from a broken one. */
#define RETRIES 10

static bool has_rdseed, has_rdrand;

void entropy_init(void)
{
    has_rdrand = (cpuid(1, 0).ecx & 1u << 30) != 0;
    has_rdseed = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & 1u << 18) != 0;
}

static bool read_seed(uint64_t *value)
{
    bool ok;
    __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
    return ok;
}

static bool read_random(uint64_t *value)
{
    bool ok;
    __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
    return ok;
}

/* Broken generators have been seen to return all ones or all zeros for ever, with the carry flag set. */
static bool next_word(uint64_t *value)
{
    for (int i = 0; i < RETRIES; i++)
        if (has_rdseed && read_seed(value) && *value != 0 && *value != UINT64_MAX)
            return true;
    for (int i = 0; i < RETRIES; i++)
        if (has_rdrand && read_random(value) && *value != 0 && *value != UINT64_MAX)
            return true;
    return false;
}

bool hardware_random(uint8_t *target, size_t length)
{
    while (length > 0) {
        uint64_t word;
        if (!next_word(&word))
            return false;
        size_t n = length < sizeof(word) ? length : sizeof(word);
        __builtin_memcpy(target, &word, n);
        target += n;
        length -= n;
    }
    return true;
}
