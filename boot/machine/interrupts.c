/*
 * Local APIC, I/O APICs and sleep. Handlers here only count; TypeScript compares the counts. This file is compiled
 * without vector registers, because handle_interrupt() runs in the middle of anything.
 */
#include "boot.h"
#include "x86.h"

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_VECTORS 0x20
#define TIMER_VECTOR 0x30
#define CONSOLE_VECTOR 0x31
#define SPURIOUS_VECTOR 0xff

/* COM1's line of the old bus is the I/O APIC input of the same number; rising edges, as all of that bus. */
#define CONSOLE_LINE 4

#define APIC_ENABLE (1u << 11)
#define APIC_TASK_PRIORITY 0x080
#define APIC_END_OF_INTERRUPT 0x0b0
#define APIC_SPURIOUS 0x0f0
#define APIC_TIMER 0x320
#define APIC_LINT0 0x350
#define APIC_LINT1 0x360
#define APIC_ERROR 0x370
#define APIC_INITIAL_COUNT 0x380
#define APIC_CURRENT_COUNT 0x390
#define APIC_DIVIDE 0x3e0
#define APIC_MASKED (1u << 16)
#define APIC_DELIVER_NMI 0x400u
#define APIC_SOFTWARE_ENABLE 0x100u
#define DIVIDE_BY_1 0xbu

#define IO_APIC_VERSION 1
#define IO_APIC_REDIRECTION 0x10
#define REDIRECTION_ACTIVE_LOW (1u << 13)
#define REDIRECTION_LEVEL (1u << 15)
#define REDIRECTION_MASKED (1u << 16)
#define NO_LINE 0xffffffffu

volatile uint32_t interrupt_counters[1 + DEVICE_VECTORS];
uint64_t local_apic_ticks_per_second;
/* The global system interrupt that feeds a device vector; NO_LINE for messages (MSI, MSI-X). */
static uint32_t vector_line[DEVICE_VECTORS];
static volatile uint32_t *local_apic;
/* When the timer that was started last interrupts, at the latest; 0 once it has. */
static volatile uint64_t timer_end_ns;

static uint32_t io_apic_read(const struct io_apic *apic, uint32_t index)
{
    volatile uint32_t *registers = (volatile uint32_t *)apic->address;
    registers[0] = index;
    return registers[4];
}

static void io_apic_write(const struct io_apic *apic, uint32_t index, uint32_t value)
{
    volatile uint32_t *registers = (volatile uint32_t *)apic->address;
    registers[0] = index;
    registers[4] = value;
}

static const struct io_apic *find_io_apic(uint32_t global_interrupt)
{
    for (uint32_t i = 0; i < acpi.io_apic_count; i++) {
        const struct io_apic *apic = &acpi.io_apics[i];
        if (global_interrupt >= apic->first_interrupt && global_interrupt - apic->first_interrupt < apic->inputs)
            return apic;
    }
    return NULL;
}

static bool mask_line(uint32_t global_interrupt, bool masked)
{
    const struct io_apic *apic = find_io_apic(global_interrupt);
    if (apic == NULL)
        return false;
    uint32_t index = IO_APIC_REDIRECTION + 2 * (global_interrupt - apic->first_interrupt);
    uint32_t entry = io_apic_read(apic, index);
    io_apic_write(apic, index, masked ? entry | REDIRECTION_MASKED : entry & ~REDIRECTION_MASKED);
    return true;
}

void handle_interrupt(uint32_t vector)
{
    uint32_t device = vector - FIRST_DEVICE_VECTOR;
    if (device < DEVICE_VECTORS) {
        /* A level-triggered line stays asserted until the driver has served the device. */
        if (vector_line[device] != NO_LINE)
            mask_line(vector_line[device], true);
        interrupt_counters[1 + device]++;
        interrupt_counters[0]++;
    } else if (vector == TIMER_VECTOR) {
        timer_end_ns = 0;
    } else if (vector == CONSOLE_VECTOR) {
        console_interrupt();
    } else {
        /* A spurious interrupt of the APIC or of the masked PICs wants no end-of-interrupt. */
        return;
    }
    local_apic[APIC_END_OF_INTERRUPT / 4] = 0;
}

uint32_t interrupt_message_address(void)
{
    return (uint32_t)acpi.local_apic;
}

uint32_t interrupt_message_data(uint32_t vector)
{
    return FIRST_DEVICE_VECTOR + vector;
}

bool route_interrupt_line(uint32_t global_interrupt, uint32_t vector, bool active_high)
{
    const struct io_apic *apic = find_io_apic(global_interrupt);
    if (apic == NULL)
        return false;
    uint32_t index = IO_APIC_REDIRECTION + 2 * (global_interrupt - apic->first_interrupt);
    uint32_t entry = (FIRST_DEVICE_VECTOR + vector) | REDIRECTION_LEVEL | (active_high ? 0 : REDIRECTION_ACTIVE_LOW);
    /* A handler uses the same index register. */
    disable_interrupts();
    io_apic_write(apic, index, entry | REDIRECTION_MASKED);
    io_apic_write(apic, index + 1, 0); /* physical destination: APIC id 0, the boot CPU */
    vector_line[vector] = global_interrupt;
    io_apic_write(apic, index, entry);
    enable_interrupts();
    return true;
}

bool unmask_interrupt_line(uint32_t global_interrupt)
{
    disable_interrupts();
    bool found = mask_line(global_interrupt, false);
    enable_interrupts();
    return found;
}

uint32_t local_apic_timer_count(void)
{
    return local_apic[APIC_CURRENT_COUNT / 4];
}

void local_apic_timer_start(uint32_t count)
{
    local_apic[APIC_INITIAL_COUNT / 4] = count;
}

/* Ticks that take that long, at least one, at most what the counter holds. */
static uint32_t ticks_of(uint64_t wait_ns)
{
    uint64_t ticks = (wait_ns * (local_apic_ticks_per_second / 1000)) / (SECOND / 1000);
    if (ticks > 0xffffffffu)
        return 0xffffffffu;
    return ticks == 0 ? 1 : (uint32_t)ticks;
}

/*
 * Has the timer interrupt at the deadline or before; who sleeps longer goes on. Starting it is an exit to the hypervisor, and the
 * deadlines of a busy connection move away all the time: a timer that still runs and ends early enough is left alone. Interrupts
 * are disabled, so that its end cannot be missed.
 */
static void start_timer(uint64_t deadline_ns, uint64_t now)
{
    if (timer_end_ns != 0 && timer_end_ns <= deadline_ns)
        return;
    uint64_t wait_ns = deadline_ns - now;
    if (wait_ns >= SECOND)
        wait_ns = SECOND;
    timer_end_ns = now + wait_ns;
    local_apic_timer_start(ticks_of(wait_ns));
}

void wait_for_interrupt(uint32_t seen_total, uint64_t deadline_ns)
{
    while (interrupt_counters[0] == seen_total) {
        uint64_t now = monotonic_ns();
        if (now >= deadline_ns)
            return;
        /* What the console still holds goes out while there is nothing else to do. */
        uint64_t wake_ns = console_catch_up(now);
        if (wake_ns <= now)
            continue;
        if (wake_ns > deadline_ns)
            wake_ns = deadline_ns;
        disable_interrupts();
        if (wake_ns != UINT64_MAX)
            start_timer(wake_ns, now);
        if (interrupt_counters[0] == seen_total && !console_was_woken)
            enable_interrupts_and_halt();
        enable_interrupts();
    }
}

static void route_console_line(void)
{
    const struct io_apic *apic = find_io_apic(CONSOLE_LINE);
    if (apic == NULL)
        return;
    uint32_t index = IO_APIC_REDIRECTION + 2 * (CONSOLE_LINE - apic->first_interrupt);
    io_apic_write(apic, index + 1, 0);
    io_apic_write(apic, index, CONSOLE_VECTOR);
}

static void mask_legacy_pics(void)
{
    /* Remapped first, so that even a spurious interrupt of a masked PIC does not look like an exception. */
    port_write8(PIC1, 0x11);
    port_write8(PIC2, 0x11);
    port_write8(PIC1 + 1, PIC_VECTORS);
    port_write8(PIC2 + 1, PIC_VECTORS + 8);
    port_write8(PIC1 + 1, 4);
    port_write8(PIC2 + 1, 2);
    port_write8(PIC1 + 1, 1);
    port_write8(PIC2 + 1, 1);
    port_write8(PIC1 + 1, 0xff);
    port_write8(PIC2 + 1, 0xff);
}

void interrupts_init(void)
{
    mask_legacy_pics();
    for (uint32_t i = 0; i < DEVICE_VECTORS; i++)
        vector_line[i] = NO_LINE;
    for (uint32_t i = 0; i < acpi.io_apic_count; i++) {
        struct io_apic *apic = &acpi.io_apics[i];
        apic->inputs = (io_apic_read(apic, IO_APIC_VERSION) >> 16 & 0xff) + 1;
        for (uint32_t input = 0; input < apic->inputs; input++)
            io_apic_write(apic, IO_APIC_REDIRECTION + 2 * input, REDIRECTION_MASKED);
    }
    route_console_line();

    local_apic = (volatile uint32_t *)acpi.local_apic;
    write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_ENABLE);
    local_apic[APIC_TASK_PRIORITY / 4] = 0;
    local_apic[APIC_LINT0 / 4] = APIC_MASKED;
    /* A person's way to ask a guest that hangs where it is: QEMU's inject-nmi ends in a report. */
    local_apic[APIC_LINT1 / 4] = APIC_DELIVER_NMI;
    local_apic[APIC_ERROR / 4] = APIC_MASKED;
    local_apic[APIC_DIVIDE / 4] = DIVIDE_BY_1;
    local_apic[APIC_TIMER / 4] = TIMER_VECTOR;
    local_apic[APIC_SPURIOUS / 4] = APIC_SOFTWARE_ENABLE | SPURIOUS_VECTOR;
}
