/*
 * From a position in the bundle to one in a TypeScript file. scripts/build/position-map.ts makes the table from the
 * source map of esbuild; here it is searched, without allocating, also in the middle of a crash.
 */
#include <string.h>
#include "container.h"

#define MAP_MAGIC 0x50414d50u /* "PMAP" */
#define MAP_MAX 8
#define COLUMN_BITS 12

/*
 * Layout, little endian: magic, line count, entry count, source count; one first entry a line and the entry count
 * once more; entries sorted by column within a line; string offsets of the sources and their end; the strings.
 */
struct entry {
    uint16_t generated_column, source;
    uint32_t position; /* line << COLUMN_BITS | column, both from 0 */
};

struct position_map {
    char name[CONTAINER_NAME_MAX + 8];
    size_t name_length;
    uint32_t line_count, entry_count, source_count, string_bytes;
    const uint32_t *lines, *string_offsets;
    const struct entry *entries;
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
    if (map_count == MAP_MAX || length < 16 || words[0] != MAP_MAGIC || name_length >= sizeof(maps[0].name))
        return false;
    uint64_t fixed = 16 + (words[1] + 1ull) * 4 + words[2] * 8ull + (words[3] + 1ull) * 4;
    if (fixed > length)
        return false;
    struct position_map *map = &maps[map_count];
    memcpy(map->name, name, name_length + 1);
    map->name_length = name_length;
    map->line_count = words[1];
    map->entry_count = words[2];
    map->source_count = words[3];
    map->lines = words + 4;
    map->entries = (const struct entry *)(map->lines + map->line_count + 1);
    map->string_offsets = (const uint32_t *)(map->entries + map->entry_count);
    map->strings = (const char *)(map->string_offsets + map->source_count + 1);
    map->string_bytes = (uint32_t)(length - fixed);
    map_count++;
    return true;
}

bool position_map_find(const char *name, size_t name_length, int line, int column, struct source_position *out)
{
    const struct position_map *map = find_map(name, name_length);
    if (map == NULL || line < 1 || column < 1 || (uint32_t)line > map->line_count)
        return false;
    uint32_t first = map->lines[line - 1], low = first, high = map->lines[line];
    if (high > map->entry_count || low > high)
        return false;
    /* The last entry that starts at or before the column. */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->entries[middle].generated_column <= (uint32_t)column - 1)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == first)
        return false;
    struct entry entry = map->entries[low - 1];
    if (entry.source >= map->source_count)
        return false;
    uint32_t start = map->string_offsets[entry.source], end = map->string_offsets[entry.source + 1];
    if (start > end || end > map->string_bytes)
        return false;
    out->file = map->strings + start;
    out->file_length = (int)(end - start);
    out->line = (int)(entry.position >> COLUMN_BITS) + 1;
    out->column = (int)(entry.position & ((1u << COLUMN_BITS) - 1)) + 1;
    return true;
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
        put(out, position.file, (size_t)position.file_length);
        put(out, ":", 1);
        put_number(out, position.line);
        put(out, ":", 1);
        put_number(out, position.column);
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
