/*
 * The DMA arena: physically contiguous memory that is never freed, taken from the top of the first region of pages,
 * which lies below 4 GiB; and in it the stack. Before that it hands out what is free below 1 MiB, as far as that goes.
 *
 * The host gives memory in pages of 2 MiB, so that what is used from the start on lies together: the top of the stack, and above it what
 * devices are handed in small pieces. What fills a page of the host begins with one, since its first octets are used first;
 * what that leaves free is handed out as well. The memory below 1 MiB has a page of the host together with the start of the image.
 */
#include "boot.h"
#include "x86.h"

#define WORD 8ull
/* Between the top of memory and the page of the host in which the stack ends: at least. */
#define NEAR_BYTES (1 * MIB)
/* What of the stack is in use: the host's page holds it beside what lies above it. */
#define STACK_USED (128 * 1024ull)
/* Of more, the smallest are left: each but the first lies behind what fills a page of the host, of which devices need few. */
#define GAP_MAX 32

static uint64_t bottom, top, bytes_used;
/* With a page at each end that is not mapped. */
static struct memory_range stack;
static struct memory_range low;
/* Free, and above the bottom. */
static struct memory_range gaps[GAP_MAX];
static uint32_t gap_count;

static uint64_t bytes_of(struct memory_range range)
{
    return range.end - range.start;
}

static void add_gap(uint64_t start, uint64_t end)
{
    uint32_t place = gap_count;
    if (end - start < PAGE_SIZE)
        return;
    if (gap_count < GAP_MAX)
        gap_count++;
    else
        for (uint32_t i = place = 0; i < gap_count; i++)
            if (bytes_of(gaps[i]) < bytes_of(gaps[place]))
                place = i;
    if (bytes_of(gaps[place]) < end - start)
        gaps[place] = (struct memory_range){start, end};
}

void dma_init(void)
{
    low = loader_low_ram();
    add_gap(low.start, low.end);
    top = pages_end();
    stack.end = ((top - NEAR_BYTES) & ~(LARGE_PAGE_SIZE - 1)) + STACK_USED;
    stack.start = stack.end - STACK_SIZE - 2 * PAGE_SIZE;
    add_gap(stack.end, top);
    bottom = stack.start & ~(LARGE_PAGE_SIZE - 1);
    pages_set_limit(bottom);
}

struct memory_range dma_stack(void)
{
    return stack;
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

/* The highest place in a range; 0 when there is none. */
static uint64_t place_in(struct memory_range range, uint64_t length, uint64_t alignment)
{
    if (length > range.end - range.start)
        return 0;
    uint64_t start = (range.end - length) & ~(alignment - 1);
    return start < range.start ? 0 : start;
}

static uint64_t take_gap(uint64_t length, uint64_t alignment)
{
    for (uint32_t i = 0; i < gap_count; i++) {
        uint64_t start = place_in(gaps[i], length, alignment);
        if (start != 0) {
            gaps[i].end = start;
            if (bytes_of(gaps[i]) < PAGE_SIZE) {
                gaps[i] = gaps[--gap_count];
                gaps[gap_count] = (struct memory_range){0, 0};
            }
            return start;
        }
    }
    return 0;
}

static uint64_t take_new(uint64_t length, uint64_t alignment)
{
    uint64_t floor = pages_frontier();
    if (floor > bottom)
        return 0;
    uint64_t start = place_in((struct memory_range){floor, bottom}, length, alignment);
    if (start != 0) {
        add_gap(start + length, bottom);
        bottom = start;
        pages_set_limit(bottom);
    }
    return start;
}

/* Zeroed memory, or NULL when the heap is in the way. `alignment` is a power of two. */
void *dma_allocate(uint64_t length, uint64_t alignment)
{
    if (alignment < WORD)
        alignment = WORD;
    if (length > UINT64_MAX - WORD)
        return NULL;
    length = (length + WORD - 1) & ~(WORD - 1);
    uint64_t start = 0;
    if (length >= LARGE_PAGE_SIZE && alignment < LARGE_PAGE_SIZE)
        start = take_new(length, LARGE_PAGE_SIZE);
    if (start == 0)
        start = take_gap(length, alignment);
    if (start == 0)
        start = take_new(length, alignment);
    if (start == 0)
        return NULL;
    clear_memory(start, start + length);
    bytes_used += length;
    return (void *)start;
}

bool dma_contains(uint64_t address)
{
    if (address >= low.start && address < low.end)
        return true;
    return address >= bottom && address < top && (address < stack.start || address >= stack.end);
}

uint64_t dma_bytes_used(void)
{
    return bytes_used;
}
