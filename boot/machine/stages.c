/* When each stage of the boot was reached, for those who want to know where its time goes. */
#include "boot.h"

struct boot_stage boot_stages[BOOT_STAGE_MAX];
uint32_t boot_stage_count;

void boot_stage(const char *name)
{
    if (boot_stage_count < BOOT_STAGE_MAX)
        boot_stages[boot_stage_count++] = (struct boot_stage){name, monotonic_ns()};
}
