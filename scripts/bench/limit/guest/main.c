/*
 * The limit guest: what any guest could reach on this QEMU, device and TAP, because it does no more than refill the
 * rings. A tool of the benchmark, on the machine code of the boot layer; no image ships it. Its command line:
 * mode=send|receive|echo|drop, for send and receive streams=1…64, and for drop family=4|6.
 */
#include "limit.h"
#include "x86.h"
#include <string.h>

void boot_main(uint32_t information);
uint64_t handle_syscall(void);

/* boot/machine/interrupts.S leads here what its own image answers with a TypeScript stack. */
noreturn void handle_exception(struct exception_frame *frame)
{
    console_format("exception %lu at rip 0x%lx, error 0x%lx\n", frame->vector, frame->rip, frame->error);
    panic(EXIT_CPU_EXCEPTION, "a CPU exception in the limit guest", "");
}

uint64_t handle_syscall(void)
{
    fail_boot("Cannot measure: the limit guest has no system calls");
}

/* Functions of libc that guard their stack need a thread area, of which there is none here: strstr is one. */
static const char *find_option(const char *name)
{
    size_t length = strlen(name);
    for (const char *word = command_line; *word != '\0'; word++)
        if ((word == command_line || word[-1] == ' ') && strncmp(word, name, length) == 0 && word[length] == '=')
            return word + length + 1;
    return NULL;
}

uint64_t option(const char *name, uint64_t otherwise)
{
    const char *text = find_option(name);
    if (text == NULL)
        return otherwise;
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static noreturn void run(void)
{
    static struct net_device device;
    const char *mode = find_option("mode");
    if (mode == NULL)
        fail_boot("Cannot measure: mode= must be send, receive, echo or drop");
    device_open(&device);
    if (*mode == 'd')
        run_dropped(&device);
    if (*mode == 'e')
        run_reflector(&device);
    run_tcp(&device, *mode == 's', (uint32_t)option("streams", 1));
}

void boot_main(uint32_t information)
{
    console_init();
    cpu_init();
    start_info_read((const void *)(uint64_t)information);
    loader_reserve();
    acpi_init();
    pages_init();
    dma_init();
    paging_init();
    pages_add_regions();
    interrupts_init();
    clock_init();
    enable_interrupts();
    run();
}
