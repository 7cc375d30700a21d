/**
 * The algorithms that crypto.subtle knows, by the names and objects that apps give (Web
 * Cryptography §18.4).
 */
import type { HashName } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { HASHES, Hash, Hmac } from './hash.ts'
import { yieldToNetwork } from './host-globals.ts'

export type AlgorithmIdentifier = string | { readonly name: string }
export type HmacParams = AlgorithmIdentifier | HmacImportParams
export interface HmacImportParams {
  readonly name: string
  readonly hash: AlgorithmIdentifier
  /** Of the key, in bits. */
  readonly length?: number
}

/** Hashed before the network gets its turn: some milliseconds under TCG. */
const TURN_BYTES = 65_536

interface RunningHash {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

export function digest(name: HashName, bytes: Uint8Array): Promise<Uint8Array> {
  return run(new Hash(name), bytes)
}

export function authenticate(
  name: HashName,
  secret: Uint8Array,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  return run(new Hmac(name, secret), bytes)
}

async function run(hash: RunningHash, bytes: Uint8Array): Promise<Uint8Array> {
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    if (at > 0) await yieldToNetwork()
    hash.update(bytes.subarray(at, at + TURN_BYTES))
  }
  return hash.digest()
}

/** Of a block of that hash, in bits: what a generated key has when nothing is said. */
export function blockBits(name: HashName): number {
  return HASHES[name].blockBytes * 8
}

/** Throws NotSupportedError when it is none of ours. */
export function readHash(algorithm: AlgorithmIdentifier, operation: string): HashName {
  const name = readName(algorithm)
  if (Object.hasOwn(HASHES, name)) return name as HashName
  throw notSupported(operation, name, 'there are SHA-1, SHA-256, SHA-384 and SHA-512')
}

/** Throws NotSupportedError when it is not HMAC. */
export function requireHmac(algorithm: AlgorithmIdentifier, operation: string): void {
  const name = readName(algorithm)
  if (name !== 'HMAC') throw notSupported(operation, name, 'there is HMAC')
}

export function notSupported(operation: string, name: string, what: string): DOMException {
  return new DOMException(`Cannot ${operation} by ${name}: ${what}`, 'NotSupportedError')
}

/** Names are the same in whichever case; ours are upper case. */
export function readName(algorithm: AlgorithmIdentifier): string {
  const given = typeof algorithm === 'object' && algorithm !== null ? algorithm.name : algorithm
  if (given === undefined && typeof algorithm === 'object') {
    throw new TypeError('Cannot tell the algorithm: it has no name')
  }
  const name = `${given}`
  const upper = name.toUpperCase()
  return upper === 'HMAC' || Object.hasOwn(HASHES, upper) ? upper : name
}
