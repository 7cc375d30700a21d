/*
 * The DMA arena: physically contiguous memory that is never freed, taken from the top of the first region of pages,
 * which lies below 4 GiB.
 */
#include "boot.h"
#include "x86.h"

#define WORD 8ull

static uint64_t bottom, top;

void dma_init(void)
{
    bottom = top = pages_end();
}

static bool is_zero(const uint64_t *words, uint64_t count)
{
    uint64_t seen = 0;
    for (uint64_t i = 0; i < count; i++)
        seen |= words[i];
    return seen == 0;
}

/*
 * Most memory is zero when a guest starts, and the host has no page behind it until it is written: what is zero is left alone. Receive
 * buffers are 8 MiB that an idle guest never uses.
 */
static void clear_memory(uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t page_end = (start | (PAGE_SIZE - 1)) + 1;
        uint64_t bytes = (page_end < end ? page_end : end) - start;
        if (!is_zero((const uint64_t *)start, bytes / WORD))
            clear_words((void *)start, bytes);
        start += bytes;
    }
}

/* Zeroed memory, or NULL when the heap is in the way. `alignment` is a power of two. */
void *dma_allocate(uint64_t length, uint64_t alignment)
{
    uint64_t floor = pages_frontier();
    if (length > bottom - floor)
        return NULL;
    if (alignment < WORD)
        alignment = WORD;
    uint64_t start = (bottom - length) & ~(alignment - 1);
    if (start < floor)
        return NULL;
    clear_memory(start, bottom);
    bottom = start;
    pages_set_limit(bottom);
    return (void *)start;
}

bool dma_contains(uint64_t address)
{
    return address >= bottom && address < top;
}

uint64_t dma_bytes_used(void)
{
    return top - bottom;
}
