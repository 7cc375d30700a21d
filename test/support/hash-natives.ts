/**
 * The natives of secure hashes as tests on Node have them: FIPS 180-4 §6 word by word, as slow as
 * it is plain.
 */
import type { HashNatives } from '../../kernel/userland/web/hash.ts'

const PRIMES = Array.from({ length: 410 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
)

/** The first 64 bits of the fractional part of the root. */
function rootBits(n: number, degree: bigint): bigint {
  const scaled = BigInt(n) << (64n * degree)
  let low = 0n
  let high = 1n << 72n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= scaled) low = middle
    else high = middle
  }
  return low & 0xffffffffffffffffn
}

const CUBES = PRIMES.slice(0, 80).map((n) => rootBits(n, 3n))
const SQUARES = PRIMES.slice(0, 16).map((n) => rootBits(n, 2n))
const SHA1_START = [0x67452301n, 0xefcdab89n, 0x98badcfen, 0x10325476n, 0xc3d2e1f0n]
const SHA1_CONSTANTS = [0x5a827999n, 0x6ed9eba1n, 0x8f1bbcdcn, 0xca62c1d6n]

const STARTS: Record<number, bigint[]> = {
  1: SHA1_START,
  256: SQUARES.slice(0, 8).map((bits) => bits >> 32n),
  384: SQUARES.slice(8),
  512: SQUARES.slice(0, 8),
}
const ROTATIONS = {
  256: {
    width: 32n,
    rounds: 64,
    low: [7n, 18n, 3n],
    high: [17n, 19n, 10n],
    one: [6n, 11n, 25n],
    zero: [2n, 13n, 22n],
  },
  512: {
    width: 64n,
    rounds: 80,
    low: [1n, 8n, 7n],
    high: [19n, 61n, 6n],
    one: [14n, 18n, 41n],
    zero: [28n, 34n, 39n],
  },
} as const

function words(bytes: Uint8Array, wordBytes: number, little: boolean): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / wordBytes }, (_, index) =>
    wordBytes === 4
      ? BigInt(view.getUint32(index * 4, little))
      : view.getBigUint64(index * 8, little),
  )
}

function store(state: Uint8Array, values: readonly bigint[], wordBytes: number): void {
  const view = new DataView(state.buffer, state.byteOffset)
  for (const [index, value] of values.entries()) {
    if (wordBytes === 4) view.setUint32(index * 4, Number(value), true)
    else view.setBigUint64(index * 8, value, true)
  }
}

function sha1(state: readonly bigint[], block: readonly bigint[]): bigint[] {
  const mask = 0xffffffffn
  const left = (x: bigint, n: bigint) => ((x << n) | (x >> (32n - n))) & mask
  const w = [...block]
  for (let t = 16; t < 80; t++) w[t] = left(w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!, 1n)
  let [a, b, c, d, e] = state as [bigint, bigint, bigint, bigint, bigint]
  for (let t = 0; t < 80; t++) {
    const stage = Math.floor(t / 20)
    const f =
      stage === 0
        ? (b & c) | (~b & mask & d)
        : stage === 2
          ? (b & c) | (b & d) | (c & d)
          : b ^ c ^ d
    const sum = (left(a, 5n) + f + e + SHA1_CONSTANTS[stage]! + w[t]!) & mask
    ;[e, d, c, b, a] = [d, c, left(b, 30n), a, sum]
  }
  return [a, b, c, d, e].map((word, index) => (word + state[index]!) & mask)
}

function sha2(state: readonly bigint[], block: readonly bigint[], kind: 256 | 512): bigint[] {
  const { width, rounds, low, high, one, zero } = ROTATIONS[kind]
  const mask = (1n << width) - 1n
  const right = (x: bigint, n: bigint) => ((x >> n) | (x << (width - n))) & mask
  const turn = (x: bigint, [p, q, r]: readonly [bigint, bigint, bigint]) =>
    right(x, p) ^ right(x, q) ^ right(x, r)
  const shift = (x: bigint, [p, q, r]: readonly [bigint, bigint, bigint]) =>
    right(x, p) ^ right(x, q) ^ (x >> r)
  const w = [...block]
  for (let t = 16; t < rounds; t++) {
    w[t] = (shift(w[t - 2]!, high) + w[t - 7]! + shift(w[t - 15]!, low) + w[t - 16]!) & mask
  }
  let [a, b, c, d, e, f, g, h] = state as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ]
  for (let t = 0; t < rounds; t++) {
    const constant = CUBES[t]! >> (64n - width)
    const first = h + turn(e, one) + ((e & f) ^ (~e & mask & g)) + constant + w[t]!
    const second = turn(a, zero) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + first) & mask, c, b, a, (first + second) & mask]
  }
  return [a, b, c, d, e, f, g, h].map((word, index) => (word + state[index]!) & mask)
}

export const hashNatives: HashNatives = {
  startDigest(algorithm, state) {
    store(state, STARTS[algorithm]!, algorithm <= 256 ? 4 : 8)
  },
  digestBlocks(algorithm, state, bytes, offset, lengthBytes) {
    const wordBytes = algorithm <= 256 ? 4 : 8
    if (lengthBytes % (wordBytes * 16) !== 0) throw new RangeError('not whole blocks')
    if (offset + lengthBytes > bytes.length) throw new RangeError('beyond the array')
    let values = words(state.subarray(0, algorithm === 1 ? 20 : wordBytes * 8), wordBytes, true)
    for (let at = offset; at < offset + lengthBytes; at += wordBytes * 16) {
      const block = words(bytes.subarray(at, at + wordBytes * 16), wordBytes, false)
      if (algorithm === 1) values = sha1(values, block)
      else values = sha2(values, block, algorithm === 256 ? 256 : 512)
    }
    store(state, values, wordBytes)
  },
}
