/*
 * From a position in the bundle to one in a TypeScript file, and to the calls that the build has inlined there, which
 * a trace shows as if they were made. scripts/build/position-map.ts makes the table from the source map of the
 * bundle; here it is searched, without allocating, also in the middle of a crash.
 */
#include <string.h>
#include "container.h"

#define MAP_MAGIC 0x33414d50u /* "PMA3" */
#define MAP_MAX 8
#define COLUMN_BITS 12
#define HEADER_WORDS 6
#define LINES_A_BLOCK 32
/* Of a function's name in a stack text; what is longer is cut. */
#define FUNCTION_NAME_MAX 96

/*
 * Layout, little endian: magic, counts of lines, octets of entries, strings, calls and spans; where each block of lines begins among
 * the entries; inlined calls, outer ones first; spans sorted by line and column; offsets of the strings and their end; the
 * strings, sources first; the entries.
 *
 * Entries are numbers of seven bits an octet, the lowest first. A line is how many entries it has, and those: each how far
 * its column in the bundle lies behind the one before, times 4, and what has changed since, which says what follows. A block begins
 * from zero.
 */
enum change {
    CHANGE_NONE,   /* The column moves as that in the bundle does. */
    CHANGE_COLUMN, /* By how much. */
    CHANGE_LINE,   /* By how much, and how far the column lies from that in the bundle. */
    CHANGE_SOURCE, /* Source, line, and how far the column lies from that in the bundle. */
};

/* A call whose function's body stands in its place. */
struct inlined_call {
    uint16_t source, outer; /* the call around it, counted from 1; 0 is none */
    uint32_t position;
    uint32_t function; /* string */
};

/* From here on to the next, the bundle holds parts of this call. */
struct span {
    uint32_t line;
    uint16_t column, call;
};

struct position_map {
    char name[CONTAINER_NAME_MAX + 8];
    size_t name_length;
    uint32_t line_count, entry_bytes, string_count, call_count, span_count, string_bytes;
    const uint32_t *blocks, *string_offsets;
    const uint8_t *entries;
    const struct inlined_call *calls;
    const struct span *spans;
    const char *strings;
};

static struct position_map maps[MAP_MAX];
static uint32_t map_count;

static struct position_map *find_map(const char *name, size_t name_length)
{
    /* The newest of several with one name is the one that runs. */
    for (uint32_t i = map_count; i-- > 0;)
        if (maps[i].name_length == name_length && memcmp(maps[i].name, name, name_length) == 0)
            return &maps[i];
    return NULL;
}

bool position_map_register(const char *name, const uint8_t *bytes, uint32_t length)
{
    const uint32_t *words = (const uint32_t *)bytes;
    size_t name_length = strlen(name);
    if (map_count == MAP_MAX || length < HEADER_WORDS * 4 || words[0] != MAP_MAGIC || name_length >= sizeof(maps[0].name))
        return false;
    uint64_t block_count = (words[1] + (uint64_t)LINES_A_BLOCK - 1) / LINES_A_BLOCK;
    uint64_t fixed = (HEADER_WORDS + block_count + words[3] + 1) * 4 + words[4] * (uint64_t)sizeof(struct inlined_call) +
                     words[5] * (uint64_t)sizeof(struct span) + words[2];
    if (fixed > length)
        return false;
    struct position_map *map = &maps[map_count];
    memcpy(map->name, name, name_length + 1);
    map->name_length = name_length;
    map->line_count = words[1];
    map->entry_bytes = words[2];
    map->string_count = words[3];
    map->call_count = words[4];
    map->span_count = words[5];
    map->blocks = words + HEADER_WORDS;
    map->calls = (const struct inlined_call *)(map->blocks + block_count);
    map->spans = (const struct span *)(map->calls + map->call_count);
    map->string_offsets = (const uint32_t *)(map->spans + map->span_count);
    map->strings = (const char *)(map->string_offsets + map->string_count + 1);
    map->string_bytes = (uint32_t)(length - fixed);
    map->entries = (const uint8_t *)map->strings + map->string_bytes;
    map_count++;
    return true;
}

/* The string with an index; NULL when there is none. */
static const char *string_at(const struct position_map *map, uint32_t index, int *length)
{
    if (index >= map->string_count)
        return NULL;
    uint32_t start = map->string_offsets[index], end = map->string_offsets[index + 1];
    if (start > end || end > map->string_bytes)
        return NULL;
    *length = (int)(end - start);
    return map->strings + start;
}

static bool fill(const struct position_map *map, uint32_t source, uint32_t position, struct source_position *out)
{
    out->file = string_at(map, source, &out->file_length);
    out->line = (int)(position >> COLUMN_BITS) + 1;
    out->column = (int)(position & ((1u << COLUMN_BITS) - 1)) + 1;
    return out->file != NULL;
}

/* Number of the innermost inlined call at a place, counted from 0; 0 when there is none. */
static uint32_t call_at(const struct position_map *map, uint32_t line, uint32_t column)
{
    uint32_t low = 0, high = map->span_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct span *span = &map->spans[middle];
        if (span->line < line || (span->line == line && span->column <= column))
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : map->spans[low - 1].call;
}

/* What is left of the entries, and how far they have led. */
struct reader {
    const uint8_t *at, *end;
    uint32_t generated_column, source, line, column;
};

/* The next number; a table that ends too early has zeros behind its end. */
static uint32_t read_unsigned(struct reader *r)
{
    uint32_t value = 0;
    for (uint32_t shift = 0; r->at < r->end && shift < 32; shift += 7) {
        uint8_t octet = *r->at++;
        value |= (octet & 0x7fu) << shift;
        if (octet < 0x80)
            break;
    }
    return value;
}

/* The lowest bit is the sign. */
static uint32_t read_signed(struct reader *r)
{
    uint32_t value = read_unsigned(r);
    return value >> 1 ^ -(value & 1);
}

static void read_entry(struct reader *r)
{
    uint32_t head = read_unsigned(r), step = head >> 2;
    r->generated_column += step;
    switch ((enum change)(head & 3)) {
    case CHANGE_NONE:
        r->column += step;
        return;
    case CHANGE_COLUMN:
        r->column += read_signed(r);
        return;
    case CHANGE_LINE:
        r->line += read_signed(r);
        break;
    case CHANGE_SOURCE:
        r->source = read_unsigned(r);
        r->line = read_unsigned(r);
        break;
    }
    r->column = r->generated_column + read_signed(r);
}

bool position_map_find(const char *name, size_t name_length, int line, int column, struct source_position *out)
{
    const struct position_map *map = find_map(name, name_length);
    if (map == NULL || line < 1 || column < 1 || (uint32_t)line > map->line_count)
        return false;
    uint32_t wanted = (uint32_t)line - 1, first = map->blocks[wanted / LINES_A_BLOCK];
    if (first > map->entry_bytes)
        return false;
    struct reader r = {.at = map->entries + first, .end = map->entries + map->entry_bytes};
    /* The last entry that starts at or before the column. */
    struct reader found = {0};
    for (uint32_t i = wanted - wanted % LINES_A_BLOCK; i <= wanted; i++) {
        r.generated_column = 0;
        for (uint32_t left = read_unsigned(&r); left > 0 && r.at < r.end; left--) {
            read_entry(&r);
            if (i == wanted && r.generated_column <= (uint32_t)column - 1)
                found = r;
        }
    }
    if (found.at == NULL)
        return false;
    out->map = map;
    out->call = call_at(map, wanted, (uint32_t)column - 1);
    return fill(map, found.source, found.line << COLUMN_BITS | found.column, out);
}

bool position_map_next(struct source_position *position)
{
    const struct position_map *map = position->map;
    if (position->call == 0 || position->call > map->call_count)
        return false;
    const struct inlined_call *call = &map->calls[position->call - 1];
    /* Outer calls come first: a table that says otherwise would never end. */
    if (call->outer >= position->call)
        return false;
    position->call = call->outer;
    return fill(map, call->source, call->position, position);
}

const char *position_map_function(const struct source_position *position, int *length)
{
    const struct position_map *map = position->map;
    if (position->call == 0 || position->call > map->call_count)
        return NULL;
    return string_at(map, map->calls[position->call - 1].function, length);
}

struct output {
    char *text;
    size_t size, length;
};

static void put(struct output *out, const char *text, size_t length)
{
    size_t room = out->size - 1 - out->length;
    if (length > room)
        length = room;
    memcpy(out->text + out->length, text, length);
    out->length += length;
}

static void put_number(struct output *out, int value)
{
    char digits[12];
    int n = sizeof(digits);
    do
        digits[--n] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    put(out, digits + n, sizeof(digits) - (size_t)n);
}

static size_t read_number(const char *text, size_t length, int *value)
{
    size_t n = 0;
    *value = 0;
    while (n < length && n < 9 && text[n] >= '0' && text[n] <= '9')
        *value = *value * 10 + (text[n++] - '0');
    return n;
}

static void put_position(struct output *out, const struct source_position *position)
{
    put(out, position->file, (size_t)position->file_length);
    put(out, ":", 1);
    put_number(out, position->line);
    put(out, ":", 1);
    put_number(out, position->column);
}

/*
 * Writes a position behind `    at NAME (`, which is written already. One within inlined calls becomes several lines:
 * the innermost function and where it is, outwards to NAME and where that called.
 */
static void put_frames(struct output *out, struct source_position *position)
{
    char name[FUNCTION_NAME_MAX];
    size_t start = out->length;
    while (start > 0 && out->text[start - 1] != '\n')
        start--;
    size_t skipped = start;
    while (skipped < out->length && out->text[skipped] == ' ')
        skipped++;
    static const char at[] = "at ";
    size_t head = skipped + sizeof(at) - 1, end = out->length;
    bool is_frame = end >= head + 2 && memcmp(out->text + skipped, at, sizeof(at) - 1) == 0 &&
                    memcmp(out->text + end - 2, " (", 2) == 0 && end - 2 - head <= sizeof(name);
    size_t name_length = is_frame ? end - 2 - head : 0;
    memcpy(name, out->text + head, name_length);
    int length;
    const char *function;
    while (is_frame && (function = position_map_function(position, &length)) != NULL) {
        out->length = head;
        put(out, function, (size_t)length);
        put(out, " (", 2);
        put_position(out, position);
        if (!position_map_next(position))
            return;
        put(out, ")\n", 2);
        /* The same indentation for the next line, ahead of its name. */
        size_t line = out->length;
        for (size_t i = start; i < head; i++)
            put(out, out->text + i, 1);
        head = out->length;
        start = line;
        put(out, name, name_length);
        put(out, " (", 2);
    }
    put_position(out, position);
}

/* Maps `NAME:LINE:COLUMN` at the start of `text`; returns the length it had there, 0 when it is something else. */
static size_t map_position(struct output *out, const char *text, size_t length)
{
    for (uint32_t i = 0; i < map_count; i++) {
        size_t at = maps[i].name_length;
        int line, column;
        if (at >= length || memcmp(text, maps[i].name, at) != 0 || text[at] != ':')
            continue;
        size_t digits = read_number(text + at + 1, length - at - 1, &line);
        at += 1 + digits;
        if (digits == 0 || at >= length || text[at] != ':')
            continue;
        digits = read_number(text + at + 1, length - at - 1, &column);
        at += 1 + digits;
        struct source_position position;
        if (digits == 0 || !position_map_find(maps[i].name, maps[i].name_length, line, column, &position))
            continue;
        put_frames(out, &position);
        return at;
    }
    return 0;
}

size_t position_map_text(char *target, size_t size, const char *text, size_t length)
{
    struct output out = {target, size, 0};
    for (size_t i = 0; i < length;) {
        bool start = i == 0 || text[i - 1] == '(' || text[i - 1] == ' ';
        size_t mapped = start ? map_position(&out, text + i, length - i) : 0;
        if (mapped == 0) {
            put(&out, text + i, 1);
            mapped = 1;
        }
        i += mapped;
    }
    target[out.length] = '\0';
    return out.length;
}
