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
    clear_words((void *)start, bottom - start);
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
