/* From the loader to JavaScript: one straight list of steps. */
#include <elf.h>
#include "boot.h"
#include "native.h"
#include "x86.h"

/* musl starts a program through this; crt1.o would call it with what a kernel leaves on the stack. */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv);
void _init(void);
void _fini(void);
void boot_main(uint32_t information);

void _init(void)
{
}

void _fini(void)
{
}

uint64_t stack_guard;

static int start(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv, (void)environment;
    js_run();
}

/* argc, argv and the environment are empty; the auxiliary vector says what musl wants to know. */
static void start_libc(void)
{
    static const char name[] = "eremite";
    static uint64_t random[2];
    static uint64_t process[16];
    if (!hardware_random((uint8_t *)random, sizeof(random)))
        random[0] = read_tsc();
    const uint64_t values[] = {
        (uint64_t)name, 0,                                  /* argv */
        0,                                                  /* environment */
        AT_PAGESZ,      PAGE_SIZE, AT_RANDOM, (uint64_t)random, AT_PHNUM, 0, AT_PHENT, sizeof(Elf64_Phdr),
        AT_NULL,        0,
    };
    __builtin_memcpy(process, values, sizeof(values));
    __libc_start_main(start, 1, (char **)process);
    exit_guest(EXIT_PLATFORM);
}

/* The stack of JavaScript, between two pages that are not mapped. */
static void *prepare_stack(void)
{
    struct memory_range stack = dma_stack();
    stack_guard = stack.start;
    unmap_page(stack_guard);
    unmap_page(stack.end - PAGE_SIZE);
    return (void *)(stack.end - PAGE_SIZE);
}

/* `information` is what the loader left in EBX: hvm_start_info, or the boot information of multiboot2. */
void boot_main(uint32_t information)
{
    console_init();                                  /* serial port */
    cpu_init();                                      /* control registers, exceptions */
    if (multiboot2_magic != 0)                       /* command line, RAM, ramdisk */
        multiboot2_read((const void *)(uint64_t)information);
    else
        start_info_read((const void *)(uint64_t)information);
    loader_reserve();                                /* without image and ramdisk */
    acpi_init();                                     /* interrupt controllers, timer, power */
    pages_init();                                    /* pages of the first region */
    dma_init();                                      /* memory for devices and the stack, from its top */
    paging_init();                                   /* page tables */
    pages_add_regions();                             /* pages of all other RAM */
    interrupts_init();                               /* local APIC, I/O APICs */
    boot_stage("entry");
    clock_init();                                    /* time */
    entropy_init();                                  /* random numbers */
    boot_stage("clock");
    heap_init();                                     /* malloc */
    enable_interrupts();
    run_on_stack(prepare_stack(), start_libc);       /* C library, JavaScript */
}
