/*
 * The compiled kernel, apart from what a snapshot of it needs besides: where its parts stand in TypeScript, and the built-in
 * app, as a container.
 */
    .section .program, "a"
    .balign 16
    .globl kernel_container, kernel_container_end
kernel_container:
    .incbin "kernel.container"
kernel_container_end:

    .section .embedded, "a"
    .balign 16
    .globl kernel_positions, kernel_positions_end, app_container, app_container_end
kernel_positions:
    .incbin "kernel.positions"
kernel_positions_end:
    .balign 16
app_container:
    .incbin "builtin.app"
app_container_end:
    .section .note.GNU-stack, "", @progbits
