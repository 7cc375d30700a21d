/* The container of a compiled program and its position map; scripts/build/container.ts writes it. */
#ifndef EREMITE_CONTAINER_H
#define EREMITE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_NAME_MAX 63

struct container {
    char name[CONTAINER_NAME_MAX + 1];
    const uint8_t *bytecode, *position_map;
    uint32_t bytecode_length, position_map_length, crc32;
};

/* Fills `out`; returns NULL, or one line that says what is wrong. What is part of the image needs no checksum. */
const char *container_open(struct container *out, const uint8_t *bytes, size_t length, bool is_part_of_image);

/* Makes positions of the module `name` known; the map must stay where it is. False when there is no room. */
bool position_map_register(const char *name, const uint8_t *map, uint32_t length);

struct position_map;

struct source_position {
    const char *file;
    int file_length, line, column;
    const struct position_map *map;
    /* Of the inlined call that the position stands in; 0 is none. */
    uint32_t call;
};

bool position_map_find(const char *name, size_t name_length, int line, int column, struct source_position *out);
/* The function whose body was inlined at a position; NULL when there is none, and the engine's frame tells the name. */
const char *position_map_function(const struct source_position *position, int *length);
/* From an inlined call to where it was called; false when there is none. */
bool position_map_next(struct source_position *position);
/* Copies a stack text and maps each position in it; returns the length, cut to `size` - 1, zero-terminated. */
size_t position_map_text(char *target, size_t size, const char *text, size_t length);

#endif
