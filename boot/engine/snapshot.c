/*
 * The snapshot of an engine that has evaluated the kernel's module: what the guest would do on every boot, the build has done
 * once. It boots the image with the command line below, reads the memory of the guest that has ended, and writes the
 * image anew with .snapshot and the heap as they are then (scripts/build/snapshot.ts).
 */
#include <string.h>
#include "boot.h"

#define COMMAND_LINE "eremite.snapshot"

/* What the build looks for: the first octets of .snapshot. */
static struct {
    char taken[16];
    uint64_t heap_bytes;
} header __attribute__((section(".snapshot.header"), used));

bool snapshot_is_wanted(void)
{
    return header.taken[0] == '\0' && strcmp(command_line, COMMAND_LINE) == 0;
}

bool snapshot_is_there(void)
{
    return header.taken[0] != '\0';
}

noreturn void snapshot_take(void)
{
    pages_keep_image();
    strcpy(header.taken, "snapshot taken");
    header.heap_bytes = pages_image_heap_end() - (uint64_t)image_heap;
    exit_guest(EXIT_CLEAN);
}
