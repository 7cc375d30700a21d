/* The compiled kernel and the built-in app, as containers. */
    .section .embedded, "a"
    .balign 16
    .globl kernel_container, kernel_container_end, app_container, app_container_end
kernel_container:
    .incbin "kernel.container"
kernel_container_end:
    .balign 16
app_container:
    .incbin "builtin.app"
app_container_end:
    .section .note.GNU-stack, "", @progbits
