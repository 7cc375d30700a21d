/*
 * A TCG plugin that counts the instructions that the guest executes into a file that others map.
 *
 * Debian packages no qemu-plugin.h, so the four functions that are used are declared here; they are the same in every
 * version of the interface.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define NO_REGISTER_ACCESS 0

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*executed)(unsigned int, void *),
                                          int flags, void *data);

/* The version of the interface; QEMU refuses one that it does not know. */
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static volatile uint64_t *count;

static void block_executed(unsigned int processor, void *instructions)
{
    (void)processor;
    *count += (uint64_t)(uintptr_t)instructions;
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, block_executed, NO_REGISTER_ACCESS, instructions);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argument_count, char **arguments)
{
    (void)info;
    if (argument_count != 1 || strncmp(arguments[0], "count=", 6) != 0)
        return -1;
    int file = open(arguments[0] + 6, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(*count)) != 0)
        return -1;
    void *memory = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED)
        return -1;
    count = memory;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
