/* The compression functions of SHA-1 and SHA-2 (FIPS 180-4 §6); padding and everything above is TypeScript. */
#include "digest.h"

/* The first bits of the fractional parts of the cube roots of primes (§4.2.2, §4.2.3). */
static const uint32_t constants_32[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const uint64_t constants_64[80] = {
    0x428a2f98d728ae22ull, 0x7137449123ef65cdull, 0xb5c0fbcfec4d3b2full, 0xe9b5dba58189dbbcull, 0x3956c25bf348b538ull,
    0x59f111f1b605d019ull, 0x923f82a4af194f9bull, 0xab1c5ed5da6d8118ull, 0xd807aa98a3030242ull, 0x12835b0145706fbeull,
    0x243185be4ee4b28cull, 0x550c7dc3d5ffb4e2ull, 0x72be5d74f27b896full, 0x80deb1fe3b1696b1ull, 0x9bdc06a725c71235ull,
    0xc19bf174cf692694ull, 0xe49b69c19ef14ad2ull, 0xefbe4786384f25e3ull, 0x0fc19dc68b8cd5b5ull, 0x240ca1cc77ac9c65ull,
    0x2de92c6f592b0275ull, 0x4a7484aa6ea6e483ull, 0x5cb0a9dcbd41fbd4ull, 0x76f988da831153b5ull, 0x983e5152ee66dfabull,
    0xa831c66d2db43210ull, 0xb00327c898fb213full, 0xbf597fc7beef0ee4ull, 0xc6e00bf33da88fc2ull, 0xd5a79147930aa725ull,
    0x06ca6351e003826full, 0x142929670a0e6e70ull, 0x27b70a8546d22ffcull, 0x2e1b21385c26c926ull, 0x4d2c6dfc5ac42aedull,
    0x53380d139d95b3dfull, 0x650a73548baf63deull, 0x766a0abb3c77b2a8ull, 0x81c2c92e47edaee6ull, 0x92722c851482353bull,
    0xa2bfe8a14cf10364ull, 0xa81a664bbc423001ull, 0xc24b8b70d0f89791ull, 0xc76c51a30654be30ull, 0xd192e819d6ef5218ull,
    0xd69906245565a910ull, 0xf40e35855771202aull, 0x106aa07032bbd1b8ull, 0x19a4c116b8d2d0c8ull, 0x1e376c085141ab53ull,
    0x2748774cdf8eeb99ull, 0x34b0bcb5e19b48a8ull, 0x391c0cb3c5c95a63ull, 0x4ed8aa4ae3418acbull, 0x5b9cca4f7763e373ull,
    0x682e6ff3d6b2b8a3ull, 0x748f82ee5defb2fcull, 0x78a5636f43172f60ull, 0x84c87814a1f0ab72ull, 0x8cc702081a6439ecull,
    0x90befffa23631e28ull, 0xa4506cebde82bde9ull, 0xbef9a3f7b2c67915ull, 0xc67178f2e372532bull, 0xca273eceea26619cull,
    0xd186b8c721c0c207ull, 0xeada7dd6cde0eb1eull, 0xf57d4f7fee6ed178ull, 0x06f067aa72176fbaull, 0x0a637dc5a2c898a6ull,
    0x113f9804bef90daeull, 0x1b710b35131c471bull, 0x28db77f523047d84ull, 0x32caab7b40c72493ull, 0x3c9ebe0a15c9bebcull,
    0x431d67c49c100d4cull, 0x4cc5d4becb3e42b6ull, 0x597f299cfc657e2aull, 0x5fcb6fab3ad6faecull, 0x6c44198c4a475817ull,
};

/* Those of square roots, and those of SHA-1 (§5.3). */
static const uint32_t start_sha1[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
static const uint32_t start_sha256[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint64_t start_sha384[8] = {
    0xcbbb9d5dc1059ed8ull, 0x629a292a367cd507ull, 0x9159015a3070dd17ull, 0x152fecd8f70e5939ull,
    0x67332667ffc00b31ull, 0x8eb44a8768581511ull, 0xdb0c2e0d64f98fa7ull, 0x47b5481dbefa4fa4ull,
};
static const uint64_t start_sha512[8] = {
    0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull, 0x3c6ef372fe94f82bull, 0xa54ff53a5f1d36f1ull,
    0x510e527fade682d1ull, 0x9b05688c2b3e6c1full, 0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull,
};

static uint32_t load_32(const uint8_t *bytes)
{
    uint32_t word;
    __builtin_memcpy(&word, bytes, sizeof(word));
    return __builtin_bswap32(word);
}

static uint64_t load_64(const uint8_t *bytes)
{
    uint64_t word;
    __builtin_memcpy(&word, bytes, sizeof(word));
    return __builtin_bswap64(word);
}

static inline uint32_t left_32(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static inline uint32_t right_32(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static inline uint64_t right_64(uint64_t x, int n)
{
    return x >> n | x << (64 - n);
}

static void sha1_block(uint32_t state[5], const uint8_t *block)
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80];
    for (int t = 0; t < 16; t++)
        w[t] = load_32(block + 4 * t);
    for (int t = 16; t < 80; t++)
        w[t] = left_32(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int t = 0; t < 80; t++) {
        uint32_t f = t < 20 ? (b & c) ^ (~b & d) : t >= 40 && t < 60 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
        uint32_t sum = left_32(a, 5) + f + e + constants[t / 20] + w[t];
        e = d, d = c, c = left_32(b, 30), b = a, a = sum;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

static void sha256_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8];
    for (int t = 0; t < 16; t++)
        w[t] = load_32(block + 4 * t);
    for (int t = 16; t < 64; t++) {
        uint32_t low = right_32(w[t - 15], 7) ^ right_32(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t high = right_32(w[t - 2], 17) ^ right_32(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + low + w[t - 7] + high;
    }
    __builtin_memcpy(v, state, sizeof(v));
    for (int t = 0; t < 64; t++) {
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t first = v[7] + (right_32(v[4], 6) ^ right_32(v[4], 11) ^ right_32(v[4], 25)) + choice + constants_32[t] + w[t];
        uint32_t second = (right_32(v[0], 2) ^ right_32(v[0], 13) ^ right_32(v[0], 22)) + majority;
        v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + first, v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static void sha512_block(uint64_t state[8], const uint8_t *block)
{
    uint64_t w[80], v[8];
    for (int t = 0; t < 16; t++)
        w[t] = load_64(block + 8 * t);
    for (int t = 16; t < 80; t++) {
        uint64_t low = right_64(w[t - 15], 1) ^ right_64(w[t - 15], 8) ^ w[t - 15] >> 7;
        uint64_t high = right_64(w[t - 2], 19) ^ right_64(w[t - 2], 61) ^ w[t - 2] >> 6;
        w[t] = w[t - 16] + low + w[t - 7] + high;
    }
    __builtin_memcpy(v, state, sizeof(v));
    for (int t = 0; t < 80; t++) {
        uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint64_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint64_t first = v[7] + (right_64(v[4], 14) ^ right_64(v[4], 18) ^ right_64(v[4], 41)) + choice + constants_64[t] + w[t];
        uint64_t second = (right_64(v[0], 28) ^ right_64(v[0], 34) ^ right_64(v[0], 39)) + majority;
        v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + first, v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

bool digest_sizes(uint32_t algorithm, struct digest_sizes *sizes)
{
    switch (algorithm) {
    case DIGEST_SHA1:
        *sizes = (struct digest_sizes){sizeof(start_sha1), 64};
        return true;
    case DIGEST_SHA256:
        *sizes = (struct digest_sizes){sizeof(start_sha256), 64};
        return true;
    case DIGEST_SHA384:
    case DIGEST_SHA512:
        *sizes = (struct digest_sizes){sizeof(start_sha512), 128};
        return true;
    default:
        return false;
    }
}

void digest_start(uint32_t algorithm, uint8_t *state)
{
    if (algorithm == DIGEST_SHA1)
        __builtin_memcpy(state, start_sha1, sizeof(start_sha1));
    else if (algorithm == DIGEST_SHA256)
        __builtin_memcpy(state, start_sha256, sizeof(start_sha256));
    else
        __builtin_memcpy(state, algorithm == DIGEST_SHA384 ? start_sha384 : start_sha512, sizeof(start_sha512));
}

void digest_blocks(uint32_t algorithm, uint8_t *state, const uint8_t *bytes, size_t length)
{
    uint64_t words[DIGEST_STATE_MAX / sizeof(uint64_t)];
    struct digest_sizes sizes = {0, 0};
    if (!digest_sizes(algorithm, &sizes))
        return;
    __builtin_memcpy(words, state, sizes.state);
    for (size_t at = 0; at + sizes.block <= length; at += sizes.block) {
        if (algorithm == DIGEST_SHA1)
            sha1_block((uint32_t *)words, bytes + at);
        else if (algorithm == DIGEST_SHA256)
            sha256_block((uint32_t *)words, bytes + at);
        else
            sha512_block(words, bytes + at);
    }
    __builtin_memcpy(state, words, sizes.state);
}
