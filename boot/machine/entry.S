/*
 * Power-on to C: the PVH note and the multiboot2 header, long mode with a temporary identity map of 4 GiB, the switch to
 * the final stack. Both kinds of loader enter in 32-bit protected mode without paging, with the address of what they
 * hand over in EBX: hvm_start_info (Xen PVH boot ABI, docs/misc/pvh.pandoc) or the boot information (Multiboot2
 * specification 2.0, §3.3).
 */
#define PVH_NOTE_TYPE 18 /* XEN_ELFNOTE_PHYS32_ENTRY */

/* Multiboot2 specification 2.0, §3.1: header tags, and the tags of the boot information that are asked for. */
#define HEADER_MAGIC 0xe85250d6
#define HEADER_I386 0
#define HEADER_END 0
#define HEADER_INFORMATION_REQUEST 1
#define HEADER_ENTRY_ADDRESS 3
#define HEADER_MODULE_ALIGNMENT 6
#define OPTIONAL 1
#define TAG_COMMAND_LINE 1
#define TAG_MODULE 3
#define TAG_MEMORY_MAP 6
#define TAG_ACPI_OLD 14
#define TAG_ACPI_NEW 15

/* CPUID 1 EDX: what the baseline of x86-64 promises the compiler (psABI §3.1.1), and what boot/ uses besides. */
#define CPU_FPU (1 << 0)
#define CPU_TSC (1 << 4)
#define CPU_MSR (1 << 5)
#define CPU_PAE (1 << 6)
#define CPU_APIC (1 << 9)
#define CPU_PGE (1 << 13)
#define CPU_CMOV (1 << 15)
#define CPU_FXSR (1 << 24)
#define CPU_SSE (1 << 25)
#define CPU_SSE2 (1 << 26)
#define NEEDED_BASIC \
    (CPU_FPU + CPU_TSC + CPU_MSR + CPU_PAE + CPU_APIC + CPU_PGE + CPU_CMOV + CPU_FXSR + CPU_SSE + CPU_SSE2)
/* CPUID 0x80000001 EDX */
#define CPU_NX (1 << 20)
#define CPU_LM (1 << 29)
/* Not SYSCALL: Intel's processors report it in 64-bit mode only, and none with LM lacks it there. */
#define NEEDED_EXTENDED (CPU_NX + CPU_LM)

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, PVH_NOTE_TYPE
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry, multiboot2_entry
pvh_entry:
    cli
    cld
    movl %ebx, %ebp

    /* ESI and EDI: what the CPU has, by CPUID 1 EDX and 0x80000001 EDX. Nothing else is used before it is checked. */
    movl $0x80000000, %eax
    cpuid
    xorl %edi, %edi
    cmpl $0x80000001, %eax
    jb 1f
    movl $0x80000001, %eax
    cpuid
    movl %edx, %edi
1:  movl $1, %eax
    cpuid
    movl %edx, %esi
    movl %esi, %eax
    andl $NEEDED_BASIC, %eax
    cmpl $NEEDED_BASIC, %eax
    jne unsupported_cpu
    movl %edi, %eax
    andl $NEEDED_EXTENDED, %eax
    cmpl $NEEDED_EXTENDED, %eax
    jne unsupported_cpu

    rdtsc
    movl %eax, entry_tsc
    movl %edx, entry_tsc + 4
    movl $boot_stack_top, %esp

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

/* Names on COM1 what the CPU lacks, and ends with EXIT_PLATFORM. There is no stack: CPUID may be all that works. */
unsupported_cpu:
    notl %esi
    notl %edi
    movw $0x3f8, %dx
    movl $lacks_text, %ebx
    movl $lacks_entries, %ecx
3:  movb (%ebx), %al
    testb %al, %al
    jz 4f
    outb %al, %dx
    incl %ebx
    jmp 3b
4:  cmpl $lacks_entries_end, %ecx
    ja 7f
    je 6f
    /* An entry: mask of basic bits, mask of extended bits, eight characters. */
    movl %ecx, %ebx
    addl $16, %ecx
    movl (%ebx), %eax
    andl %esi, %eax
    jnz 5f
    movl 4(%ebx), %eax
    andl %edi, %eax
    jz 4b
5:  addl $8, %ebx
    jmp 3b
6:  incl %ecx
    movl $advice_text, %ebx
    jmp 3b
7:  movw $0xf4, %dx
    movl $0x13, %eax
    outl %eax, %dx
8:  hlt
    jmp 8b

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

    .code32
/* §3.3: EAX holds a magic value; everything else is as at the PVH entry. */
multiboot2_entry:
    movl %eax, multiboot2_magic
    jmp pvh_entry

/* §3.1.1: within the first 32 KiB of the file and 64-bit aligned; tags likewise (§3.1.3). */
    .balign 8
multiboot2_header:
    .long HEADER_MAGIC, HEADER_I386, header_end - multiboot2_header
    .long -(HEADER_MAGIC + HEADER_I386 + (header_end - multiboot2_header))
    .short HEADER_INFORMATION_REQUEST, 0
    .long 20, TAG_COMMAND_LINE, TAG_MODULE, TAG_MEMORY_MAP
    .balign 8
    .short HEADER_INFORMATION_REQUEST, OPTIONAL
    .long 16, TAG_ACPI_OLD, TAG_ACPI_NEW
    .balign 8
    .short HEADER_ENTRY_ADDRESS, 0
    .long 12, multiboot2_entry
    .balign 8
    .short HEADER_MODULE_ALIGNMENT, 0
    .long 8
    .short HEADER_END, 0
    .long 8
header_end:

    .code64
/* void run_on_stack(void *stack_top, void (*function)(void)): never returns. */
    .globl run_on_stack
run_on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata
lacks_text:
    .asciz "Cannot boot: the CPU lacks"
advice_text:
    .asciz "; give QEMU -cpu max, or leave -cpu out\n"
    .balign 4
/* The names are QEMU's, so that a -cpu option with one of them switched off is found again. */
lacks_entries:
    .long CPU_FPU, 0; .ascii " fpu\0\0\0\0"
    .long CPU_TSC, 0; .ascii " tsc\0\0\0\0"
    .long CPU_MSR, 0; .ascii " msr\0\0\0\0"
    .long CPU_PAE, 0; .ascii " pae\0\0\0\0"
    .long CPU_APIC, 0; .ascii " apic\0\0\0"
    .long CPU_PGE, 0; .ascii " pge\0\0\0\0"
    .long CPU_CMOV, 0; .ascii " cmov\0\0\0"
    .long CPU_FXSR, 0; .ascii " fxsr\0\0\0"
    .long CPU_SSE, 0; .ascii " sse\0\0\0\0"
    .long CPU_SSE2, 0; .ascii " sse2\0\0\0"
    .long 0, CPU_NX; .ascii " nx\0\0\0\0\0"
    .long 0, CPU_LM; .ascii " lm\0\0\0\0\0"
lacks_entries_end:

    .data
    .balign 16
    .globl gdt, entry_tsc, multiboot2_magic
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
/* Not in .bss, which is cleared after this is written. */
multiboot2_magic:
    .long 0

    .bss
    .balign 4096
early_pml4: .skip 4096
early_pdpt: .skip 4096
early_pd:   .skip 4 * 4096
boot_stack: .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
