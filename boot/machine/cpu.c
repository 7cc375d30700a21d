/* Descriptor tables, system-call entry and the protections that CPUID offers. */
#include "boot.h"
#include "x86.h"

#define KERNEL_CODE 0x08
#define TASK_STATE_SELECTOR 0x18
#define INTERRUPT_GATE 0x8e00u
#define IST_INTERRUPT 1
#define IST_EXCEPTION 2
#define IST_SECOND_FAULT 3
#define EXCEPTION_COUNT 32
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_MACHINE_CHECK 18

struct gate {
    uint16_t offset_low, selector;
    uint16_t ist, offset_middle; /* the type is in the high byte that `ist` shares */
    uint32_t offset_high, reserved;
};

struct __attribute__((packed)) task_state {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map_base;
};

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

static struct gate gates[256];
static struct task_state task_state;

static uint16_t ist_of(uint32_t vector)
{
    if (vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK)
        return IST_SECOND_FAULT;
    return vector < EXCEPTION_COUNT ? IST_EXCEPTION : IST_INTERRUPT;
}

static void load_tables(void)
{
    task_state.ist[IST_INTERRUPT - 1] = (uint64_t)interrupt_stack_top;
    task_state.ist[IST_EXCEPTION - 1] = (uint64_t)exception_stack_top;
    task_state.ist[IST_SECOND_FAULT - 1] = (uint64_t)second_fault_stack_top;
    task_state.io_map_base = sizeof(task_state);
    uint64_t base = (uint64_t)&task_state;
    gdt[3] = (sizeof(task_state) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[4] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(TASK_STATE_SELECTOR));

    for (uint32_t vector = 0; vector < 256; vector++) {
        uint64_t stub = interrupt_stubs[vector];
        gates[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = KERNEL_CODE,
            .ist = (uint16_t)(INTERRUPT_GATE | ist_of(vector)),
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    struct table_pointer pointer = {sizeof(gates) - 1, (uint64_t)gates};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void cpu_init(void)
{
    load_tables();

    /* SYSCALL loads CS from STAR[47:32] and SS from the entry after it. FMASK clears DF: the ABI wants it clear. */
    write_msr(MSR_STAR, (uint64_t)KERNEL_CODE << 32);
    write_msr(MSR_LSTAR, (uint64_t)syscall_entry);
    write_msr(MSR_FMASK, RFLAGS_DF);

    uint64_t cr4 = read_cr4();
    if (cpuid(0, 0).eax >= 7) {
        struct cpuid_result features = cpuid(7, 0);
        if ((features.ebx & 1u << 7) != 0)
            cr4 |= CR4_SMEP;
        if ((features.ebx & 1u << 20) != 0)
            cr4 |= CR4_SMAP;
        if ((features.ecx & 1u << 2) != 0)
            cr4 |= CR4_UMIP;
    }
    write_cr4(cr4);
}
