/*
 * Stubs between the CPU and C: exceptions, interrupts, and the system calls of musl.
 * Every gate uses a stack of its own (IST), because the interrupted code may have live data below RSP (its red
 * zone) and interrupts at this privilege level would otherwise be pushed right there.
 */
    .text
    .code64

/* Exceptions that push an error code: 8, 10-14, 17, 21, 29, 30. */
#define EXCEPTIONS_WITH_ERROR 0x60227d00

    .altmacro
    .macro exception_stub vector
exception_\vector:
    .if ((EXCEPTIONS_WITH_ERROR >> \vector) & 1) == 0
    pushq $0
    .endif
    pushq $\vector
    jmp exception_common
    .endm

    .macro interrupt_stub vector
interrupt_\vector:
    pushq $\vector
    jmp interrupt_common
    .endm

    .set i, 0
    .rept 32
    exception_stub %i
    .set i, i + 1
    .endr
    .rept 224
    interrupt_stub %i
    .set i, i + 1
    .endr

/* Builds struct exception_frame (boot.h) and reports it; there is no way back. */
exception_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    andq $-16, %rsp
    call handle_exception
    ud2

/* C code of interrupts is compiled without vector registers, so those of the interrupted code stay as they are. */
interrupt_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    cld
    movl 72(%rsp), %edi
    subq $8, %rsp
    call handle_interrupt
    addq $8, %rsp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq

/*
 * musl inlines SYSCALL into leaf functions: RSP has any alignment and the 128 bytes below it are in use. The
 * kernel ABI keeps every register but RAX, RCX and R11. Return by a jump, since the caller runs in ring 0 too.
 */
    .globl syscall_entry
syscall_entry:
    movq %rsp, %r11
    subq $128, %rsp
    andq $-16, %rsp
    pushq %r11
    pushq %rcx
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %r9
    /* handle_syscall(number, a1, a2, a3, a4, a5, a6): the seventh argument travels on the stack. */
    pushq $0
    pushq %r9
    movq %r8, %r9
    movq %r10, %r8
    movq %rdx, %rcx
    movq %rsi, %rdx
    movq %rdi, %rsi
    movq %rax, %rdi
    call handle_syscall
    addq $16, %rsp
    popq %r9
    popq %r8
    popq %r10
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rcx
    popq %r11
    movq %r11, %rsp
    jmp *%rcx

    .macro stub_address prefix vector
    .quad \prefix\vector
    .endm

    .section .rodata
    .balign 8
    .globl interrupt_stubs
interrupt_stubs:
    .set i, 0
    .rept 32
    stub_address exception_, %i
    .set i, i + 1
    .endr
    .rept 224
    stub_address interrupt_, %i
    .set i, i + 1
    .endr

    .section .note.GNU-stack, "", @progbits
