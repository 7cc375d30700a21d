/**
 * `node:crypto`, as much as packages for many places use: random numbers, hashes, HMAC, comparison.
 */
import { system } from 'eremite'
import { atob, btoa } from '../web/base64.ts'
import type { HashName } from '../web/crypto-key.ts'
import { Hash as PlainHash, Hmac as PlainHmac, useHashNatives } from '../web/hash.ts'
import { encodeUtf8, fillRandom, hostCrypto } from '../web/host-globals.ts'
import { Buffer } from './buffer.ts'
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  createSign,
  createVerify,
  KeyObject,
} from './key-object.ts'

export { createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify, KeyObject }

useHashNatives(system)

type Encoding = 'utf8' | 'utf-8' | 'hex' | 'base64' | 'base64url' | 'latin1' | 'binary' | 'ascii'
type Bytes = ArrayBuffer | ArrayBufferView
type Data = string | Bytes
type Done = (error: Error | null, bytes?: Buffer) => void

const NAMES: Readonly<Record<string, HashName>> = {
  __proto__: null as never,
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}
const ENCODINGS = 'utf8, hex, base64, base64url, latin1, ascii'
/** What one call for random bytes may give (as crypto.getRandomValues). */
const RANDOM_PIECE_BYTES = 65_536

function hashName(algorithm: string): HashName {
  const name = NAMES[`${algorithm}`.toLowerCase().replace('-', '')]
  if (name !== undefined) return name
  throw new Error(`Cannot hash by ${algorithm}: there are ${Object.keys(NAMES).join(', ')}`)
}

/** The same memory. */
function viewOf(data: Bytes): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  throw new TypeError(`Cannot read the data: a ${typeof data} is neither text nor a view`)
}

function bytesOf(data: Data, encoding: Encoding = 'utf8'): Uint8Array {
  if (typeof data !== 'string') return viewOf(data)
  const name = `${encoding}`.toLowerCase()
  if (name === 'utf8' || name === 'utf-8') return encodeUtf8(data)
  if (name === 'hex') {
    if (data.length % 2 !== 0) throw new TypeError('Cannot read the data: half a byte of hex')
    const pairs = /^(?:[0-9a-f]{2})*/i.exec(data)![0].match(/../g) ?? []
    return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16))
  }
  const isText = name === 'latin1' || name === 'binary' || name === 'ascii'
  if (!isText && name !== 'base64' && name !== 'base64url') {
    throw new TypeError(`Cannot read text as ${encoding}: there are ${ENCODINGS}`)
  }
  const binary = isText ? data : atob(data.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0) & 0xff)
}

function textOf(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === 'hex') {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  const binary = String.fromCharCode(...bytes)
  if (encoding === 'latin1' || encoding === 'binary') return binary
  if (encoding === 'base64') return btoa(binary)
  if (encoding === 'base64url') {
    return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  }
  throw new Error(`Cannot write a hash as ${encoding}: there are hex, base64, base64url, latin1`)
}

/** What createHash and createHmac give. */
export class Hash {
  private readonly running: PlainHash | PlainHmac
  private isOver = false

  constructor(running: PlainHash | PlainHmac) {
    this.running = running
  }

  update(data: Data, encoding?: Encoding): this {
    if (this.isOver) throw new Error('Cannot add to the hash: its digest has been taken')
    this.running.update(bytesOf(data, encoding))
    return this
  }

  digest(): Buffer
  digest(encoding: Encoding): string
  digest(encoding?: Encoding | 'buffer'): Buffer | string {
    if (this.isOver) throw new Error('Cannot take the digest: it has been taken')
    this.isOver = true
    const bytes = this.running.digest()
    const isWanted = encoding === undefined || encoding === 'buffer'
    return isWanted ? Buffer.from(bytes.buffer as ArrayBuffer) : textOf(bytes, encoding)
  }
}

export function createHash(algorithm: string): Hash {
  return new Hash(new PlainHash(hashName(algorithm)))
}

export function createHmac(algorithm: string, key: Data | KeyObject): Hash {
  const bytes = key instanceof KeyObject ? key.export() : bytesOf(key)
  return new Hash(new PlainHmac(hashName(algorithm), bytes))
}

export function getHashes(): string[] {
  return Object.keys(NAMES)
}

/** The time it takes does not tell where they differ. */
export function timingSafeEqual(one: Bytes, other: Bytes): boolean {
  const [a, b] = [viewOf(one), viewOf(other)]
  if (a.length !== b.length) {
    throw new RangeError(`Cannot compare ${a.length} bytes with ${b.length}: lengths must agree`)
  }
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= a[at]! ^ b[at]!
  return difference === 0
}

/** From element `offset` on, `size` elements: all that are left when nothing is said. */
export function randomFillSync<Target extends Bytes>(
  target: Target,
  offset = 0,
  size?: number,
): Target {
  const all = viewOf(target)
  const width = (target as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1
  const from = offset * width
  const end = size === undefined ? all.length : from + size * width
  if (!Number.isInteger(from) || !Number.isInteger(end) || from < 0 || end < from) {
    throw new RangeError(`Cannot fill ${size} elements from ${offset} on`)
  }
  if (end > all.length) {
    throw new RangeError(`Cannot fill up to byte ${end}: there are ${all.length}`)
  }
  const bytes = all.subarray(from, end)
  for (let at = 0; at < bytes.length; at += RANDOM_PIECE_BYTES) {
    fillRandom(bytes.subarray(at, at + RANDOM_PIECE_BYTES))
  }
  return target
}

export function randomBytes(size: number): Buffer
export function randomBytes(size: number, done: Done): void
export function randomBytes(size: number, done?: Done): Buffer | undefined {
  if (!Number.isInteger(size) || size < 0 || size > 2 ** 31 - 1) {
    throw new RangeError(`Cannot give random bytes: ${size} is not within 0 to 2^31 - 1`)
  }
  const bytes = randomFillSync(Buffer.alloc(size))
  if (done === undefined) return bytes
  void Promise.resolve().then(() => done(null, bytes))
  return undefined
}

/**
 * From `first` up to, not including, `second`; from 0 with one bound. Every number is equally
 * likely.
 */
export function randomInt(first: number, second?: number): number {
  const [low, high] = second === undefined ? [0, first] : [first, second]
  const range = high - low
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || range < 1 || range > 2 ** 48) {
    throw new RangeError(`Cannot draw a number from ${low} to ${high}`)
  }
  const limit = 2 ** 48 - (2 ** 48 % range)
  for (;;) {
    let drawn = 0
    for (const byte of randomBytes(6)) drawn = drawn * 256 + byte
    if (drawn < limit) return low + (drawn % range)
  }
}

export const randomUUID = (): string => hostCrypto.randomUUID()
export const webcrypto = hostCrypto
export const getRandomValues = hostCrypto.getRandomValues

export default {
  ...{ createHash, createHmac, getHashes, timingSafeEqual, randomFillSync, randomBytes },
  ...{ randomInt, randomUUID, webcrypto, getRandomValues, KeyObject, createSecretKey },
  ...{ createPrivateKey, createPublicKey, createSign, createVerify },
}
