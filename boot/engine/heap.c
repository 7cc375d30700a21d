/*
 * The allocator behind QuickJS: size classes with last-in-first-out free lists, whole pages for large blocks, and a
 * reserve, so that running out of memory can still become an exception with a stack.
 * Under TCG this halves the time of allocation-heavy code against musl's malloc.
 */
#include <quickjs.h>
#include <string.h>
#include "boot.h"
#include "engine.h"
#include "heap.h"
#include "native.h"

/*
 * A block is an 8-byte header and the bytes of its user, at a multiple of 16. The header's low byte is the class;
 * large blocks keep their page count in the bits above.
 */
#define HEADER 8ull
#define LARGE_CLASS 0xffu
#define SMALL_MAX 16384ull /* block size of the last class */
#define CLASS_MAX 64
/* Where the first block of a chunk or run starts, so that user addresses are multiples of 16. */
#define FIRST_BLOCK 8ull
/* Small blocks are cut from chunks, which lie at multiples of their size. */
#define CHUNK_PAGES 32ull
#define CHUNK_SIZE (CHUNK_PAGES * PAGE_SIZE)
#define CHUNK_BLOCK_BYTES (CHUNK_SIZE - 2 * FIRST_BLOCK)
#define RESERVE_CHUNKS 4
#define ACCOUNT_OVERHEAD 8ull

struct free_block {
    uint64_t header;
    struct free_block *next;
};

/* The first word of a chunk is free; reclaim_chunks() counts in it. */
struct chunk {
    uint64_t free_bytes;
    struct free_block first;
};

static uint32_t class_size[CLASS_MAX];
static struct free_block *free_lists[CLASS_MAX];
static uint8_t class_of_units[SMALL_MAX / 16 + 1]; /* by block size in units of 16 bytes */
static uint64_t chunk_at, chunk_end;
static struct chunk *reserve[RESERVE_CHUNKS];
static uint32_t reserve_count;
static bool shortage_told;
static uint64_t bytes_in_use;
static uint64_t bytes_of_others; /* of pages: their map, and page tables */

/* Not while the snapshot is made: the image would carry the reserve, which is nothing but zeros. */
static void fill_reserve(void)
{
    if (snapshot_is_wanted())
        return;
    while (reserve_count < RESERVE_CHUNKS) {
        struct chunk *chunk = pages_allocate_apart(CHUNK_PAGES);
        if (chunk == NULL)
            return;
        reserve[reserve_count++] = chunk;
    }
}

/* Steps of 16 bytes up to 512, then four classes for each doubling. */
static void make_classes(void)
{
    uint32_t count = 0, unit = 0;
    for (uint32_t size = 16; size <= SMALL_MAX;) {
        class_size[count] = size;
        for (; unit <= size / 16; unit++)
            class_of_units[unit] = (uint8_t)count;
        count++;
        size += size < 512 ? 16 : (1u << (31 - __builtin_clz(size))) / 4;
    }
}

/* With a snapshot the heap is what it was when that was taken, and only what this machine has is new. */
void heap_init(void)
{
    if (!snapshot_is_there())
        make_classes();
    if (snapshot_is_wanted())
        return;
    bytes_of_others = heap_bytes_reserved() - pages_kept_bytes();
    fill_reserve();
}

static uint64_t header_of(const void *user)
{
    return *(const uint64_t *)((uint64_t)user - HEADER);
}

static size_t usable_size(const void *user)
{
    uint64_t header = header_of(user);
    uint32_t class = header & 0xff;
    return class == LARGE_CLASS ? (header >> 8) * PAGE_SIZE - FIRST_BLOCK - HEADER : class_size[class] - HEADER;
}

static uint64_t pages_for(size_t size)
{
    return (size + FIRST_BLOCK + HEADER + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void push_free(struct free_block *block, uint32_t class)
{
    block->header = class;
    block->next = free_lists[class];
    free_lists[class] = block;
}

/* What is left of the current chunk goes to the free lists, largest pieces first, so that chunks are all blocks. */
static void set_chunk(struct chunk *chunk)
{
    uint32_t class = CLASS_MAX;
    while (chunk_at < chunk_end) {
        while (class_size[class - 1] == 0 || class_size[class - 1] > chunk_end - chunk_at)
            class--;
        push_free((struct free_block *)chunk_at, class - 1);
        chunk_at += class_size[class - 1];
    }
    chunk_at = (uint64_t)&chunk->first;
    chunk_end = (uint64_t)chunk + CHUNK_SIZE - FIRST_BLOCK;
}

static struct chunk *chunk_of(const struct free_block *block)
{
    return (struct chunk *)((uint64_t)block & ~(CHUNK_SIZE - 1));
}

/*
 * Gives chunks in which every block is free back to the pages. The free lists say which: this walks all of them,
 * so it happens only when pages have run out.
 */
static bool reclaim_chunks(void)
{
    struct free_block *empty = NULL;
    for (uint32_t class = 0; class < CLASS_MAX; class++)
        for (struct free_block *block = free_lists[class]; block != NULL; block = block->next)
            chunk_of(block)->free_bytes = 0;
    for (uint32_t class = 0; class < CLASS_MAX; class++)
        for (struct free_block *block = free_lists[class]; block != NULL; block = block->next)
            chunk_of(block)->free_bytes += class_size[class];
    for (uint32_t class = 0; class < CLASS_MAX; class++) {
        struct free_block **link = &free_lists[class];
        for (struct free_block *block = *link, *next; block != NULL; block = next) {
            next = block->next;
            struct chunk *chunk = chunk_of(block);
            if (chunk->free_bytes != CHUNK_BLOCK_BYTES) {
                *link = block;
                link = &block->next;
            } else if (block == &chunk->first) {
                block->next = empty;
                empty = block;
            }
        }
        *link = NULL;
    }
    bool any = empty != NULL;
    while (empty != NULL) {
        struct free_block *next = empty->next;
        pages_free(chunk_of(empty), CHUNK_PAGES);
        empty = next;
    }
    return any;
}

/* The same when somebody has to know how much memory is free. */
void heap_reclaim(void)
{
    reclaim_chunks();
}

/* Pages are running out over time, not all at once: whoever takes some looks whether garbage should be collected earlier. */
static void limit_garbage(void)
{
    if (g_js_rt != NULL && !snapshot_is_wanted())
        engine_limit_garbage(g_js_rt, heap_bytes_reserved() + heap_bytes_free() - bytes_of_others);
}

/*
 * The first request that finds no memory fails, which QuickJS turns into an exception; what it allocates to make
 * that exception comes out of the reserve. heap_free() fills the reserve again.
 */
static bool refill_chunk(void)
{
    struct chunk *chunk = pages_allocate_aligned(CHUNK_PAGES);
    if (chunk == NULL && reclaim_chunks())
        chunk = pages_allocate_aligned(CHUNK_PAGES);
    if (chunk != NULL) {
        shortage_told = false;
    } else {
        if (!shortage_told || reserve_count == 0) {
            shortage_told = true;
            return false;
        }
        chunk = reserve[--reserve_count];
    }
    set_chunk(chunk);
    limit_garbage();
    return true;
}

static void *allocate_small(uint32_t class)
{
    struct free_block *block = free_lists[class];
    if (block != NULL) {
        free_lists[class] = block->next;
    } else {
        uint64_t size = class_size[class];
        if (chunk_end - chunk_at < size && !refill_chunk())
            return NULL;
        block = (struct free_block *)chunk_at;
        chunk_at += size;
        block->header = class;
    }
    return (void *)((uint64_t)block + HEADER);
}

static void *allocate_large(size_t size)
{
    uint64_t pages = pages_for(size);
    uint8_t *run = pages_allocate(pages);
    if (run == NULL && reclaim_chunks())
        run = pages_allocate(pages);
    if (run == NULL) {
        shortage_told = true;
        return NULL;
    }
    limit_garbage();
    *(uint64_t *)(run + FIRST_BLOCK) = pages << 8 | LARGE_CLASS;
    return run + FIRST_BLOCK + HEADER;
}

static void account(JSMallocState *state, uint64_t bytes)
{
    state->malloc_size += bytes;
    bytes_in_use = state->malloc_size;
}

static void *heap_malloc(JSMallocState *state, size_t size)
{
    if (size > state->malloc_limit || state->malloc_size + size > state->malloc_limit)
        return NULL;
    void *user;
    uint64_t units = (size + HEADER + 15) / 16;
    if (units <= SMALL_MAX / 16)
        user = allocate_small(class_of_units[units]);
    else
        user = allocate_large(size);
    if (user == NULL)
        return NULL;
    state->malloc_count++;
    account(state, usable_size(user) + ACCOUNT_OVERHEAD);
    return user;
}

static void heap_free(JSMallocState *state, void *user)
{
    if (user == NULL)
        return;
    state->malloc_count--;
    account(state, -(usable_size(user) + ACCOUNT_OVERHEAD));
    struct free_block *block = (struct free_block *)((uint64_t)user - HEADER);
    uint32_t class = block->header & 0xff;
    if (class != LARGE_CLASS) {
        block->next = free_lists[class];
        free_lists[class] = block;
        return;
    }
    pages_free((uint8_t *)block - FIRST_BLOCK, block->header >> 8);
    if (reserve_count < RESERVE_CHUNKS)
        fill_reserve();
}

/* A large block grows or shrinks in place when the pages behind it allow. */
static bool resize_large(JSMallocState *state, void *user, size_t size)
{
    uint64_t *header = (uint64_t *)((uint64_t)user - HEADER);
    uint64_t old_pages = *header >> 8, new_pages = pages_for(size);
    if (!pages_resize((uint8_t *)header - FIRST_BLOCK, old_pages, new_pages))
        return false;
    *header = new_pages << 8 | LARGE_CLASS;
    account(state, (new_pages - old_pages) * PAGE_SIZE);
    return true;
}

static void *heap_realloc(JSMallocState *state, void *user, size_t size)
{
    if (user == NULL)
        return size == 0 ? NULL : heap_malloc(state, size);
    if (size == 0) {
        heap_free(state, user);
        return NULL;
    }
    size_t old_size = usable_size(user);
    if (size > old_size && state->malloc_size + (size - old_size) > state->malloc_limit)
        return NULL;
    uint32_t class = header_of(user) & 0xff;
    uint64_t units = (size + HEADER + 15) / 16;
    if (class == LARGE_CLASS) {
        if (units > SMALL_MAX / 16 && resize_large(state, user, size))
            return user;
    } else if (units <= SMALL_MAX / 16 && class_of_units[units] == class) {
        return user;
    }
    void *moved = heap_malloc(state, size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, user, old_size < size ? old_size : size);
    heap_free(state, user);
    return moved;
}

uint64_t heap_bytes_in_use(void)
{
    return bytes_in_use;
}

const JSMallocFunctions heap_functions = {heap_malloc, heap_free, heap_realloc, usable_size};
