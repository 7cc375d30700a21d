/* Compression functions of secure hashes (digest.c). A state is words in this machine's order, in bytes of any alignment. */
#ifndef EREMITE_DIGEST_H
#define EREMITE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As kernel/hal/native.d.ts numbers them. */
#define DIGEST_SHA1 1
#define DIGEST_SHA256 256
#define DIGEST_SHA384 384
#define DIGEST_SHA512 512
#define DIGEST_STATE_MAX 64

struct digest_sizes {
    size_t state, block;
};

/* False when there is no such algorithm; the others must be given one that there is. */
bool digest_sizes(uint32_t algorithm, struct digest_sizes *sizes);
void digest_start(uint32_t algorithm, uint8_t *state);
/* Takes whole blocks in; what is left over is not looked at. */
void digest_blocks(uint32_t algorithm, uint8_t *state, const uint8_t *bytes, size_t length);

#endif
