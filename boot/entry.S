/*
 * Power-on to C: the PVH note, long mode with a temporary identity map of 4 GiB, the switch to the final stack.
 * The loader enters in 32-bit protected mode without paging, with the address of hvm_start_info in EBX
 * (Xen PVH boot ABI, docs/misc/pvh.pandoc).
 */
#define PVH_NOTE_TYPE 18 /* XEN_ELFNOTE_PHYS32_ENTRY */

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, PVH_NOTE_TYPE
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    rdtsc
    movl %eax, entry_tsc
    movl %edx, entry_tsc + 4
    movl $boot_stack_top, %esp
    movl %ebx, %ebp

    /* Long mode and no-execute pages are in CPUID 0x80000001 EDX, bits 29 and 20. */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb unsupported_cpu
    movl $0x80000001, %eax
    cpuid
    andl $0x20100000, %edx
    cmpl $0x20100000, %edx
    jne unsupported_cpu

    /* The .bss section is cleared here, so that nothing depends on what the loader did. */
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    /* Temporary tables: one PML4 entry, four PDPT entries, 2048 pages of 2 MiB. paging.c replaces them. */
    movl $(early_pdpt + 3), early_pml4
    movl $(early_pd + 3), %eax
    movl $early_pdpt, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b
    movl $0x83, %eax
    movl $early_pd, %edi
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b

    movl $0x6a0, %eax /* CR4: PAE, PGE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $early_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax /* EFER: NXE, LME, SCE */
    wrmsr
    movl $0x80010023, %eax /* CR0: PG, WP, NE, MP, PE */
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

/* A CPU without these is told apart by the exit code and one line on COM1. */
unsupported_cpu:
    movl $unsupported_text, %esi
    movw $0x3f8, %dx
3:  lodsb
    testb %al, %al
    jz 4f
    outb %al, %dx
    jmp 3b
4:  movw $0xf4, %dx
    movl $0x13, %eax
    outl %eax, %dx
5:  hlt
    jmp 5b

    .code64
long_mode:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    fninit
    movl %ebp, %edi
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    call boot_main
6:  cli
    hlt
    jmp 6b

/* void run_on_stack(void *stack_top, void (*function)(void)): never returns. */
    .globl run_on_stack
run_on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata
unsupported_text:
    .asciz "Cannot boot: the CPU has no 64-bit mode or no NX bit\n"

    .data
    .balign 16
    .globl gdt, entry_tsc
/* Null, code, data, and two entries that interrupts.c fills with the task state segment. */
gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0, 0
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .quad gdt
    .balign 8
entry_tsc:
    .quad 0

    .bss
    .balign 4096
early_pml4: .skip 4096
early_pdpt: .skip 4096
early_pd:   .skip 4 * 4096
boot_stack: .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
