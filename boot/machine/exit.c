/* The ways to end the guest: a clean exit, a report and an exit, never a reboot. */
#include "boot.h"
#include "x86.h"

#define DEBUG_EXIT 0xf4
/* QEMU's pvpanic, which tells whoever manages the machine (docs/specs/pvpanic): a read says what it takes. */
#define PANIC_DEVICE 0x505
#define PANIC_DEVICE_PANICKED 0x01
#define NO_DEVICE 0xff
#define ACPI_SLEEP_ENABLE 0x2000
/* SLP_TYP 5 (S5 on QEMU's generic event device) and SLP_EN in the sleep control register. */
#define SLEEP_CONTROL_OFF (5u << 2 | 0x20u)

static bool panic_claimed;
/* 0: none */
static uint16_t control_port;
static uint64_t sleep_control;

static size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}

void exit_use_control_port(uint16_t pm1a_control_port)
{
    control_port = pm1a_control_port;
}

void exit_use_sleep_control(uint64_t address)
{
    sleep_control = address;
}

noreturn void exit_guest(int code)
{
    disable_interrupts();
    console_flush();
    event_format("{\"event\":\"exit\",\"ns\":%lu,\"code\":%d}\n", monotonic_ns(), code);
    port_write32(DEBUG_EXIT, (uint32_t)code);
    /* No isa-debug-exit on this machine: libvirt's on_crash, say, is told of a failure by pvpanic. */
    if (code != EXIT_CLEAN && (port_read8(PANIC_DEVICE) & PANIC_DEVICE_PANICKED) != 0 &&
        port_read8(PANIC_DEVICE) != NO_DEVICE)
        port_write8(PANIC_DEVICE, PANIC_DEVICE_PANICKED);
    /* Then ACPI S5 (SLP_TYP 0 on QEMU), and if that is missing too, stand still. */
    if (control_port != 0)
        port_write16(control_port, ACPI_SLEEP_ENABLE);
    if (sleep_control != 0)
        *(volatile uint8_t *)sleep_control = SLEEP_CONTROL_OFF;
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* True for the first caller only: a report that fails must not start another one. */
static bool claim_panic(void)
{
    bool first = !panic_claimed;
    panic_claimed = true;
    return first;
}

noreturn void panic(int code, const char *message, const char *stack)
{
    disable_interrupts();
    if (claim_panic()) {
        size_t stack_length = length_of(stack);
        console_flush();
        console_format("\npanic: %s\n%s", message, stack);
        if (stack_length > 0 && stack[stack_length - 1] != '\n')
            console_write("\n", 1);
        console_flush();
        event_format("{\"event\":\"panic\",\"ns\":%lu,\"code\":%d,\"message\":\"", monotonic_ns(), code);
        event_json_text(message, length_of(message));
        event_format("\",\"stack\":\"");
        event_json_text(stack, stack_length);
        event_format("\"}\n");
    }
    exit_guest(code);
}

noreturn void fail_boot(const char *text)
{
    panic(EXIT_PLATFORM, text, "");
}
