/*
 * Runs of pages for the heap. They grow from below; dma.c takes from the top of the same memory until they meet. A
 * freed run is joined with its free neighbors at once, so large ArrayBuffers come and go without fragments. Small
 * blocks live long, and a few of them keep their chunk: chunks and short runs lie together at the low end, which long
 * runs leave to them as long as they can, or a chunk taken at a peak would part what is free after it for ever.
 *
 * The last region is the image's heap, in which a snapshot may lie: then it is as the snapshot has left it.
 */
#include "boot.h"

#define RUN_FREE 0x80000000u /* mark in the page map; the other bits hold the length of the run */
#define BIN_COUNT 24
#define BIN_TRIES 16
#define BIN_ALL UINT32_MAX /* a longer search, where it is better than none */
#define LONG_RUN 32u /* pages, of which a chunk has as many */
#define LOW_SHARE 8u /* the low end of a region is this fraction of it */
#define REGION_MAX 16

struct free_run {
    struct free_run *next, *previous;
    uint32_t count;
};

/*
 * Pages [0, frontier) of a region were handed out at some time, or lie in its low end; those from there to the limit
 * never. The map holds one word a page, valid for the first and the last page of every run below the frontier.
 */
struct region {
    uint64_t start, end;
    uint32_t frontier, limit;
    uint32_t low_end; /* the frontier never lies before it */
    uint32_t chunk_hint; /* the first page of a run before which no chunk has room */
    uint32_t *map;
    struct free_run *bins[BIN_COUNT];
};

static struct region regions[REGION_MAX];
static uint32_t region_count;
static uint64_t pages_in_use;
/* Regions before this one are left alone. */
static uint32_t first_region;
/* Part of the snapshot. */
static struct {
    struct region region; /* without a map: there is no snapshot */
    uint64_t pages_in_use;
} kept __attribute__((section(".snapshot")));

static uint32_t bin_of(uint32_t count)
{
    uint32_t bin = 31u - (uint32_t)__builtin_clz(count);
    return bin < BIN_COUNT ? bin : BIN_COUNT - 1;
}

static struct free_run *run_at(struct region *r, uint32_t page)
{
    return (struct free_run *)(r->start + page * PAGE_SIZE);
}

static uint32_t page_of(struct region *r, const void *address)
{
    return (uint32_t)(((uint64_t)address - r->start) / PAGE_SIZE);
}

static void mark_used(struct region *r, uint32_t page, uint32_t count)
{
    r->map[page] = count;
    r->map[page + count - 1] = count;
}

static void insert_free(struct region *r, uint32_t page, uint32_t count)
{
    struct free_run *run = run_at(r, page);
    struct free_run **bin = &r->bins[bin_of(count)];
    run->count = count;
    run->previous = NULL;
    run->next = *bin;
    if (run->next != NULL)
        run->next->previous = run;
    *bin = run;
    r->map[page] = RUN_FREE | count;
    r->map[page + count - 1] = RUN_FREE | count;
}

static void remove_free(struct region *r, struct free_run *run)
{
    if (run->previous != NULL)
        run->previous->next = run->next;
    else
        r->bins[bin_of(run->count)] = run->next;
    if (run->next != NULL)
        run->next->previous = run->previous;
}

/* Returns pages to the region: joined with free neighbors, or given back to the frontier. */
static void release(struct region *r, uint32_t page, uint32_t count)
{
    if (page > 0 && (r->map[page - 1] & RUN_FREE) != 0) {
        uint32_t before = r->map[page - 1] & ~RUN_FREE;
        remove_free(r, run_at(r, page - before));
        page -= before;
        count += before;
    }
    uint32_t after = page + count;
    if (after < r->frontier && (r->map[after] & RUN_FREE) != 0) {
        uint32_t length = r->map[after] & ~RUN_FREE;
        remove_free(r, run_at(r, after));
        count += length;
    }
    if (page < r->chunk_hint)
        r->chunk_hint = page;
    if (page + count == r->frontier) {
        r->frontier = page > r->low_end ? page : r->low_end;
        count = r->frontier - page;
    }
    if (count > 0)
        insert_free(r, page, count);
}

/* Pages [page, page + count) of a free run; what lies before and behind them stays free. */
static void *take(struct region *r, struct free_run *run, uint32_t page, uint32_t count)
{
    uint32_t first = page_of(r, run), end = first + run->count;
    remove_free(r, run);
    mark_used(r, page, count);
    if (page > first)
        insert_free(r, first, page - first);
    if (page + count < end)
        insert_free(r, page + count, end - page - count);
    return run_at(r, page);
}

/* From a run that has `count` pages at `floor` or behind it; at most `tries` runs of each bin are looked at. */
static void *take_free(struct region *r, uint32_t count, uint32_t floor, uint32_t tries)
{
    for (uint32_t bin = bin_of(count); bin < BIN_COUNT; bin++) {
        uint32_t left = tries;
        for (struct free_run *run = r->bins[bin]; run != NULL && left-- > 0; run = run->next) {
            uint32_t first = page_of(r, run), page = first > floor ? first : floor;
            if (page + count <= first + run->count)
                return take(r, run, page, count);
        }
    }
    return NULL;
}

static void *take_new(struct region *r, uint32_t page, uint32_t count)
{
    r->frontier = page + count;
    mark_used(r, page, count);
    return run_at(r, page);
}

/* The low end is all that is left: what is free before the frontier counts with what lies behind it. */
static void *take_across_frontier(struct region *r, uint32_t count)
{
    uint32_t word = r->map[r->frontier - 1];
    if ((word & RUN_FREE) == 0)
        return NULL;
    uint32_t page = r->frontier - (word & ~RUN_FREE);
    if (r->limit - page < count)
        return NULL;
    remove_free(r, run_at(r, page));
    return take_new(r, page, count);
}

static void *allocate_in(struct region *r, uint32_t count)
{
    uint32_t floor = count < LONG_RUN ? 0 : r->low_end;
    bool is_used_up = r->limit - r->frontier < count;
    void *start = take_free(r, count, floor, is_used_up ? BIN_ALL : BIN_TRIES);
    if (start != NULL)
        return start;
    if (!is_used_up)
        return take_new(r, r->frontier, count);
    start = take_free(r, count, 0, BIN_ALL);
    return start != NULL ? start : take_across_frontier(r, count);
}

static struct region *region_of(const void *address)
{
    for (uint32_t i = 0; i < region_count; i++)
        if ((uint64_t)address >= regions[i].start && (uint64_t)address < regions[i].end)
            return &regions[i];
    return NULL;
}

static uint32_t aligned_page(struct region *r, uint32_t page, uint32_t count)
{
    return page + (-(uint32_t)(r->start / PAGE_SIZE + page) & (count - 1));
}

static void *allocate_aligned_in(struct region *r, uint32_t count)
{
    for (uint32_t page = r->chunk_hint; page < r->frontier;) {
        uint32_t length = r->map[page] & ~RUN_FREE, aligned = aligned_page(r, page, count);
        if ((r->map[page] & RUN_FREE) != 0 && aligned + count <= page + length) {
            r->chunk_hint = page;
            return take(r, run_at(r, page), aligned, count);
        }
        page += length;
    }
    uint32_t page = r->frontier, aligned = aligned_page(r, page, count);
    if (aligned > r->limit || r->limit - aligned < count)
        return NULL;
    r->chunk_hint = page;
    void *start = take_new(r, aligned, count);
    if (aligned > page)
        release(r, page, aligned - page);
    return start;
}

/* The highest in the low end, of which nothing before it is touched; anywhere else when there is none. */
static void *allocate_apart_in(struct region *r, uint32_t count)
{
    uint32_t first = 0, place = 0;
    for (uint32_t page = r->chunk_hint, length; page < r->low_end; page += length) {
        length = r->map[page] & ~RUN_FREE;
        uint32_t end = page + length < r->low_end ? page + length : r->low_end;
        uint32_t last = aligned_page(r, end + 1, count) - 2 * count;
        if ((r->map[page] & RUN_FREE) != 0 && last >= page && last < end) {
            first = page;
            place = last;
        }
    }
    return place == 0 ? allocate_aligned_in(r, count) : take(r, run_at(r, first), place, count);
}

static void *allocate(uint64_t count, void *(*from)(struct region *, uint32_t))
{
    void *start = NULL;
    for (uint32_t i = first_region; i < region_count && start == NULL; i++)
        start = from(&regions[i], (uint32_t)count);
    pages_in_use += start == NULL ? 0 : count;
    return start;
}

void *pages_allocate(uint64_t count)
{
    return count == 0 || count >= RUN_FREE ? NULL : allocate(count, allocate_in);
}

void *pages_allocate_aligned(uint64_t count)
{
    return allocate(count, allocate_aligned_in);
}

void *pages_allocate_apart(uint64_t count)
{
    return allocate(count, allocate_apart_in);
}

void pages_free(void *start, uint64_t count)
{
    struct region *r = region_of(start);
    pages_in_use -= count;
    release(r, page_of(r, start), (uint32_t)count);
}

bool pages_resize(void *start, uint64_t old_count, uint64_t new_count)
{
    struct region *r = region_of(start);
    uint32_t page = page_of(r, start);
    uint32_t after = page + (uint32_t)old_count;
    if (new_count < old_count) {
        mark_used(r, page, (uint32_t)new_count);
        release(r, page + (uint32_t)new_count, (uint32_t)(old_count - new_count));
    } else if (new_count > old_count) {
        uint64_t extra = new_count - old_count;
        if (after == r->frontier) {
            if (r->limit - r->frontier < extra)
                return false;
            r->frontier += (uint32_t)extra;
        } else {
            if ((r->map[after] & RUN_FREE) == 0 || (r->map[after] & ~RUN_FREE) < extra)
                return false;
            take(r, run_at(r, after), after, (uint32_t)extra);
        }
        mark_used(r, page, (uint32_t)new_count);
        if (r->chunk_hint > page && r->chunk_hint < page + new_count)
            r->chunk_hint = page;
    }
    pages_in_use += new_count - old_count;
    return true;
}

uint64_t pages_frontier(void)
{
    return regions[0].start + regions[0].frontier * PAGE_SIZE;
}

uint64_t pages_end(void)
{
    return regions[0].end;
}

void pages_set_limit(uint64_t address)
{
    regions[0].limit = (uint32_t)((address - regions[0].start) / PAGE_SIZE);
}

bool memory_is_ours(uint64_t start, uint64_t end)
{
    bool is_ours = loader_keeps(start, end);
    for (uint32_t i = 0; i < region_count; i++)
        is_ours |= start < regions[i].end && end > regions[i].start;
    return is_ours;
}

uint64_t heap_bytes_reserved(void)
{
    return pages_in_use * PAGE_SIZE;
}

/* What no run has taken yet, however many pieces it is in. The first run of a region is its map. */
uint64_t heap_bytes_free(void)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < region_count; i++)
        pages += regions[i].limit - regions[i].map[0];
    return (pages - pages_in_use) * PAGE_SIZE;
}

uint64_t pages_image_heap_end(void)
{
    return kept.region.map == NULL ? (uint64_t)program_end : kept.region.end;
}

static void add_region(struct memory_range range)
{
    uint32_t pages = (uint32_t)((range.end - range.start) / PAGE_SIZE);
    uint32_t map_pages = (uint32_t)((pages * sizeof(uint32_t) + PAGE_SIZE - 1) / PAGE_SIZE);
    if (region_count == REGION_MAX || map_pages + 16 > pages)
        return;
    struct region *r = &regions[region_count++];
    r->start = range.start;
    r->end = range.end;
    r->limit = pages;
    /* It ends where a chunk does, or short runs would come between the two. */
    uint32_t low_end = aligned_page(r, map_pages + (pages - map_pages) / LOW_SHARE, LONG_RUN);
    r->low_end = r->frontier = low_end < pages ? low_end : pages;
    r->chunk_hint = map_pages;
    r->map = (uint32_t *)range.start;
    mark_used(r, 0, map_pages);
    insert_free(r, map_pages, r->low_end - map_pages);
}

/*
 * The largest range below 4 GiB is the first region: devices with 32-bit addresses reach its DMA arena. The image's heap is a region
 * of its own.
 */
void pages_init(void)
{
    ram_remove((uint64_t)image_heap, pages_image_heap_end());
    uint32_t best = 0;
    for (uint32_t i = 1; i < ram_range_count; i++)
        if (ram_ranges[i].end <= 4 * GIB &&
            ram_ranges[i].end - ram_ranges[i].start > ram_ranges[best].end - ram_ranges[best].start)
            best = i;
    if (ram_range_count == 0 || ram_ranges[best].end > 4 * GIB ||
        ram_ranges[best].end - ram_ranges[best].start < 2 * STACK_SIZE)
        fail_boot("Cannot boot: less than 16 MiB are free beside image and app; give the machine 64 MiB and the app's size (-m)");
    struct memory_range first = ram_ranges[best];
    ram_ranges[best] = ram_ranges[0];
    ram_ranges[0] = first;
    add_region(first);
}

/* The other ranges join once paging.c has mapped them, but for that below 1 MiB, which is dma.c's, and the image's heap, which there is always room for. */
void pages_add_regions(void)
{
    for (uint32_t i = 1; i < ram_range_count && region_count < REGION_MAX - 1; i++)
        if (ram_ranges[i].start < ram_ranges[i].end && ram_ranges[i].end > MIB)
            add_region(ram_ranges[i]);
    if (kept.region.map == NULL) {
        add_region((struct memory_range){(uint64_t)image_heap, (uint64_t)image_heap_end});
    } else {
        regions[region_count++] = kept.region;
        pages_in_use += kept.pages_in_use;
    }
}

void pages_confine_to_image(void)
{
    first_region = region_count - 1;
    kept.pages_in_use = pages_in_use;
}

/* What the snapshot has not come to is memory like any other. */
void pages_keep_image(void)
{
    kept.region = regions[region_count - 1];
    kept.region.limit = kept.region.frontier;
    kept.region.end = kept.region.start + kept.region.frontier * PAGE_SIZE;
    kept.pages_in_use = pages_in_use - kept.pages_in_use;
}

uint64_t pages_kept_bytes(void)
{
    return kept.pages_in_use * PAGE_SIZE;
}
