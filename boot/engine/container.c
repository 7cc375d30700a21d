/* Checks the container of a compiled program before anything in it is used. */
#include "container.h"
#include <string.h>
#include "bytes.h"

#define CONTAINER_VERSION 2
#define HEADER_LENGTH 64

/* All numbers are little endian; the parts follow the header, each at a multiple of 8. */
struct header {
    char magic[8];
    uint32_t version, total_length, crc32, reserved;
    uint32_t name_offset, name_length;
    uint32_t bytecode_offset, bytecode_length;
    uint32_t position_map_offset, position_map_length;
    char engine[16];
};

_Static_assert(sizeof(struct header) == HEADER_LENGTH, "the header has a fixed length");

static bool part_fits(const struct header *h, uint32_t offset, uint32_t length)
{
    return offset >= HEADER_LENGTH && offset % 8 == 0 && offset <= h->total_length &&
           length <= h->total_length - offset;
}

const char *container_open(struct container *out, const uint8_t *bytes, size_t length, bool is_part_of_image)
{
    struct header h;
    if (length < HEADER_LENGTH)
        return "it is shorter than a container header";
    memcpy(&h, bytes, sizeof(h));
    if (memcmp(h.magic, "EREMITE", 8) != 0)
        return "it is not an Eremite app container (build one with make build APP=...)";
    if (h.version != CONTAINER_VERSION)
        return "its container version is not the one of this image; build both from the same tree";
    if (strncmp(h.engine, CONFIG_VERSION, sizeof(h.engine)) != 0)
        return "its bytecode is for another version of QuickJS; build both from the same tree";
    if (h.total_length < HEADER_LENGTH || h.total_length > length)
        return "it is truncated";
    if (!part_fits(&h, h.name_offset, h.name_length) || !part_fits(&h, h.bytecode_offset, h.bytecode_length) ||
        !part_fits(&h, h.position_map_offset, h.position_map_length))
        return "a part of it lies outside the container";
    if (h.name_length == 0 || h.name_length > CONTAINER_NAME_MAX)
        return "its name is empty or longer than 63 bytes";
    if (!is_part_of_image && bytes_crc32(bytes + HEADER_LENGTH, h.total_length - HEADER_LENGTH, 0) != h.crc32)
        return "its CRC-32 is wrong";
    memcpy(out->name, bytes + h.name_offset, h.name_length);
    out->name[h.name_length] = '\0';
    out->bytecode = bytes + h.bytecode_offset;
    out->bytecode_length = h.bytecode_length;
    out->position_map = bytes + h.position_map_offset;
    out->position_map_length = h.position_map_length;
    out->crc32 = h.crc32;
    return NULL;
}
