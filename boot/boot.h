/* Every constant and prototype that the C files of boot/ share, grouped by file. */
#ifndef EREMITE_BOOT_H
#define EREMITE_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define PAGE_SIZE 4096ull
#define LARGE_PAGE_SIZE 0x200000ull
#define GIB 0x40000000ull
#define MIB 0x100000ull
#define MICROSECOND 1000ull
#define MILLISECOND 1000000ull
#define SECOND 1000000000ull

/* Codes for isa-debug-exit; QEMU ends with (code << 1) | 1. */
#define EXIT_CLEAN 0x10         /* QEMU status 33 */
#define EXIT_UNCAUGHT 0x11      /* 35: an uncaught exception of TypeScript */
#define EXIT_CPU_EXCEPTION 0x12 /* 37: page fault and the like */
#define EXIT_PLATFORM 0x13      /* 39: the machine lacks something that boot/ needs */
#define EXIT_CONFIGURATION 0x14 /* 41: a wrong kernel command line; used by kernel/ */

#define COMMAND_LINE_MAX 4096
#define STACK_SIZE (8 * MIB)
/* What natives, the regular expression engine and the exception path may use below the limit of JavaScript. */
#define STACK_RESERVE (512 * 1024ull)

/* Enough for eight network devices of eight pairs of queues each: half of what is left, each takes at most. */
#define DEVICE_VECTORS 64
#define FIRST_DEVICE_VECTOR 0x40

/* linker.ld and entry.S */
extern char image_start[], text_end[], rodata_end[], image_end[], image_heap[], image_heap_end[], program_end[];
extern char interrupt_stack_guard[], interrupt_stack_top[];
extern char exception_stack_guard[], exception_stack_top[];
extern char second_fault_stack_guard[], second_fault_stack_top[];
extern uint64_t gdt[5];
extern uint64_t entry_tsc;
/* What a multiboot2 loader left in EAX; 0 when the guest came by the PVH entry. */
extern uint32_t multiboot2_magic;
noreturn void run_on_stack(void *stack_top, void (*function)(void));

/* interrupts.S */
extern const uint64_t interrupt_stubs[256];
void syscall_entry(void);

struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* acpi.c */
struct io_apic {
    uint64_t address;
    uint32_t first_interrupt; /* global system interrupt of its input 0 */
    uint32_t inputs;
};
#define IO_APIC_MAX 8
struct acpi_info {
    uint64_t root_pointer;
    uint64_t local_apic;
    struct io_apic io_apics[IO_APIC_MAX];
    uint32_t io_apic_count;
    uint16_t pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    uint64_t sleep_control; /* 0: none, or not in memory */
};
extern struct acpi_info acpi;
void acpi_init(void);

/* clock.c */
void clock_init(void);

/* calibration.c: ticks of the TSC and of the local APIC timer in one second; false when nothing can be trusted. */
bool calibrate_timers(uint64_t *tsc_per_second, uint64_t *apic_per_second);

/* console.c */
void console_init(void);
void console_write(const char *text, size_t length);
void console_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sends some of what waits, without waiting; returns when to call again: at once, later, or never (UINT64_MAX). */
uint64_t console_catch_up(uint64_t now_ns);
extern volatile bool console_was_woken;
/* The UART takes more: called by the interrupt that a silent reader's return makes. */
void console_interrupt(void);
/* Waits milliseconds at most, so that lines come before the event that follows them. */
void console_settle(void);
/* Waits, within bounds, until the reader has all: before last words, so that they find room, and after them. */
void console_flush(void);

struct memory_range {
    uint64_t start, end;
};

/* cpu.c */
void cpu_init(void);

/* dma.c */
void dma_init(void);
/* The stack and its two pages that are not to be mapped. */
struct memory_range dma_stack(void);
void *dma_allocate(uint64_t length, uint64_t alignment);
bool dma_contains(uint64_t address);
uint64_t dma_bytes_used(void);

/* entropy.c */
void entropy_init(void);
bool hardware_random(uint8_t *target, size_t length);

/* events.c */
void event_write(const char *text, size_t length);
void event_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The characters of a JSON string without its quotation marks. */
void event_json_text(const char *text, size_t length);

/* exceptions.c */
noreturn void handle_exception(struct exception_frame *frame);

/* exit.c */
noreturn void exit_guest(int code);
/* Where the machine is switched off, as acpi.c and paging.c learn of it; the register is mapped. */
void exit_use_control_port(uint16_t pm1a_control_port);
void exit_use_sleep_control(uint64_t address);
noreturn void fail_boot(const char *text);
/* The report of an error that ends the guest: lines on COM1, a panic event on port 0xe9. */
noreturn void panic(int code, const char *message, const char *stack);

/* heap.c */
void heap_init(void);
uint64_t heap_bytes_in_use(void);

/* interrupts.c */
extern volatile uint32_t interrupt_counters[1 + DEVICE_VECTORS];
/* Set by clock.c. */
extern uint64_t local_apic_ticks_per_second;
void interrupts_init(void);
void handle_interrupt(uint32_t vector);
uint32_t interrupt_message_address(void);
uint32_t interrupt_message_data(uint32_t vector);
bool route_interrupt_line(uint32_t global_interrupt, uint32_t vector, bool active_high);
bool unmask_interrupt_line(uint32_t global_interrupt);
void wait_for_interrupt(uint32_t seen_total, uint64_t deadline_ns);
uint32_t local_apic_timer_count(void);
void local_apic_timer_start(uint32_t count);

/* loader.c: what the loader said, copied before anything can overwrite it. */
#define RAM_RANGE_MAX 32
extern char command_line[COMMAND_LINE_MAX];
extern struct memory_range ram_ranges[RAM_RANGE_MAX];
extern uint32_t ram_range_count;
extern uint64_t ram_bytes_found;
extern struct memory_range initial_ramdisk;
extern uint64_t loader_acpi_root_pointer;
void loader_set_command_line(const char *text);
void loader_add_ram(uint64_t start, uint64_t length);
/* Takes image and ramdisk out of the usable memory, once all of it is known. */
/* The largest range below 1 MiB, which dma.c has; empty without. */
struct memory_range loader_low_ram(void);
/* Whether something there is the image's, the ramdisk's or in that range. */
bool loader_keeps(uint64_t start, uint64_t end);
void loader_reserve(void);
/* Takes a range out of the usable memory, whole pages. */
void ram_remove(uint64_t start, uint64_t end);

/* multiboot2.c */
void multiboot2_read(const void *information);

/* ring-wait.c: true once the word's bits under `mask` are others or an interrupt has come, false at `until_ns`. */
bool wait_for_word(const volatile uint16_t *word, uint32_t mask, uint32_t value, uint32_t seen_total, uint64_t until_ns);

/* monotonic.c */
void monotonic_start(uint64_t tsc_ticks_per_second);
uint64_t monotonic_ns(void);
/* Ticks of the TSC in so many nanoseconds, less than four seconds. */
uint64_t tsc_ticks_of(uint64_t ns);

/* pages.c */
void pages_init(void);
void pages_add_regions(void);
/* From here on everything is handed out of the image's heap, until it is kept. */
void pages_confine_to_image(void);
void pages_keep_image(void);
/* What of heap_bytes_reserved() was handed out before this boot. */
uint64_t pages_kept_bytes(void);
/* Where the image's heap ends: with a snapshot, behind its last page, else behind the program that a snapshot is made of. */
uint64_t pages_image_heap_end(void);
void *pages_allocate(uint64_t count);
/* The lowest run that lies at a multiple of its length: a power of two, and the same for all callers. */
void *pages_allocate_aligned(uint64_t count);
/* The same for what mostly is never touched: it leaves the host's pages of 2 MiB to what is. */
void *pages_allocate_apart(uint64_t count);
void pages_free(void *start, uint64_t count);
/* Grows or shrinks a run where it lies; false leaves it as it was. */
bool pages_resize(void *start, uint64_t old_count, uint64_t new_count);
bool memory_is_ours(uint64_t start, uint64_t end);
uint64_t heap_bytes_reserved(void);
uint64_t heap_bytes_free(void);
/* Gives what is free in small pieces back to the pages where it makes whole ones; heap_bytes_free() does not count it. */
void heap_reclaim(void);
/* End of what the first region has handed out, its own end, and the address that it must not reach (dma.c). */
uint64_t pages_frontier(void);
uint64_t pages_end(void);
void pages_set_limit(uint64_t address);

/* paging.c */
#define PAGE_WRITABLE 0x2ull
#define PAGE_UNCACHED 0x18ull
#define PAGE_NO_EXECUTE (1ull << 63)
void paging_init(void);
/* Makes a range accessible at its physical address; false when no memory is left for the tables. */
bool map_range(uint64_t start, uint64_t end, uint64_t flags);
void unmap_page(uint64_t address);
bool is_mapped(uint64_t address);

/* realtime.c: nanoseconds since 1970; never less than read before. */
extern bool realtime_is_known;
void realtime_start(uint64_t now_ns);
uint64_t realtime_ns(void);
/* Sets the clock forward, or slews it either way, and says by how many billionths the monotonic one is too slow. */
void realtime_correct(int64_t offset_ns, int64_t frequency_ppb);

/* js.c */
noreturn void js_run(void);

/* snapshot.c */
/* This boot is the build's, which makes the snapshot. */
bool snapshot_is_wanted(void);
/* The engine's memory is that of a snapshot. */
bool snapshot_is_there(void);
/* Ends the guest, whose memory the build then reads. */
noreturn void snapshot_take(void);

/* stages.c */
void boot_stage(const char *name);
#define BOOT_STAGE_MAX 8
struct boot_stage {
    const char *name;
    uint64_t ns;
};
extern struct boot_stage boot_stages[BOOT_STAGE_MAX];
extern uint32_t boot_stage_count;

/* start-info.c */
void start_info_read(const void *information);

/* text.c */
typedef void (*text_sink)(void *context, const char *text, size_t length);
void text_format(text_sink sink, void *context, const char *format, __builtin_va_list arguments);

#endif
