/*
 * A TCG plugin that counts the instructions that the guest executes, by the TypeScript or native function that runs,
 * into a file that others map.
 *
 * The engine says itself which function runs: JSRuntime.current_stack_frame->cur_func, read from the file that is the
 * guest's memory. Debian packages no qemu-plugin.h, so the functions that are used are declared here; they are the same
 * in every version of the interface.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define NO_REGISTER_ACCESS 0
#define BUCKETS 8192

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*executed)(unsigned int, void *),
                                          int flags, void *data);

/* The version of the interface; QEMU refuses one that it does not know. */
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

struct bucket {
    uint64_t function;
    uint64_t instructions;
};

/* What the reader maps. */
struct counts {
    uint64_t instructions;
    /* Of `waiting`: how many are executed depends on how long the host takes, not on the work. */
    uint64_t waiting;
    struct bucket buckets[BUCKETS];
};

static struct counts *counts;
static const uint8_t *memory;
static uint64_t memory_bytes;

/* Where the engine keeps what runs, and the range of the function that waits. */
static struct {
    uint64_t runtime, current_frame, current_function, waiting_start, waiting_end;
} places;

static uint64_t guest_word(uint64_t address)
{
    uint64_t word;
    if (address == 0 || address > memory_bytes - sizeof(word))
        return 0;
    memcpy(&word, memory + address, sizeof(word));
    return word;
}

static uint64_t running_function(void)
{
    uint64_t runtime = guest_word(places.runtime);
    uint64_t frame = runtime == 0 ? 0 : guest_word(runtime + places.current_frame);
    return frame == 0 ? 0 : guest_word(frame + places.current_function);
}

static void block_executed(unsigned int processor, void *data)
{
    (void)processor;
    uint64_t instructions = (uintptr_t)data;
    uint64_t function = running_function();
    counts->instructions += instructions;
    uint64_t index = (function * 0x9e3779b97f4a7c15ull) >> 51;
    for (int tries = 0; tries < BUCKETS; tries++, index = (index + 1) % BUCKETS) {
        struct bucket *bucket = &counts->buckets[index];
        if (bucket->function != function && bucket->instructions != 0)
            continue;
        bucket->function = function;
        bucket->instructions += instructions;
        return;
    }
}

static void waiting_executed(unsigned int processor, void *data)
{
    (void)processor;
    counts->waiting += (uintptr_t)data;
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    uint64_t address = qemu_plugin_tb_vaddr(block);
    int is_waiting = address >= places.waiting_start && address < places.waiting_end;
    void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, is_waiting ? waiting_executed : block_executed, NO_REGISTER_ACCESS,
                                         instructions);
}

/* The file mapped whole, shared; made `bytes` long unless that is 0. */
static void *map_file(const char *path, uint64_t bytes, uint64_t *length)
{
    struct stat status;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || (bytes != 0 && ftruncate(file, (off_t)bytes) != 0) || fstat(file, &status) != 0)
        return NULL;
    void *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    *length = (uint64_t)status.st_size;
    return mapped == MAP_FAILED ? NULL : mapped;
}

static const char *value_of(const char *argument, const char *name)
{
    size_t length = strlen(name);
    return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argument_count, char **arguments)
{
    (void)info;
    static const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {
        {"runtime", &places.runtime},
        {"current-frame", &places.current_frame},
        {"current-function", &places.current_function},
        {"waiting-start", &places.waiting_start},
        {"waiting-end", &places.waiting_end},
    };
    uint64_t counts_bytes;
    for (int i = 0; i < argument_count; i++) {
        const char *path;
        if ((path = value_of(arguments[i], "count")) != NULL)
            counts = map_file(path, sizeof(*counts), &counts_bytes);
        else if ((path = value_of(arguments[i], "memory")) != NULL)
            memory = map_file(path, 0, &memory_bytes);
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            const char *value = value_of(arguments[i], numbers[n].name);
            if (value != NULL)
                *numbers[n].value = strtoull(value, NULL, 0);
        }
    }
    if (counts == NULL || memory == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
