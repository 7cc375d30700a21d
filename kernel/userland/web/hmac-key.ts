/**
 * Keys for HMAC: made of bytes and of JSON Web Keys, and given back as those (Web Cryptography
 * §29.7).
 */
import { atob, btoa } from './base64.ts'
import {
  type AlgorithmIdentifier,
  blockBits,
  type HmacImportParams,
  readHash,
} from './crypto-algorithm.ts'
import { type CryptoKey, type HashName, type KeyUsage, makeKey, secretOf } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { fillRandom } from './host-globals.ts'

export interface JsonWebKey {
  alg?: string
  ext?: boolean
  k?: string
  key_ops?: string[]
  kty?: string
  use?: string
}

const USAGES = ['sign', 'verify'] as const
const ALL_USAGES = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
]
/** RFC 7518 §3.2; HS1 is of Web Cryptography. */
const JWK_NAMES = { 'SHA-1': 'HS1', 'SHA-256': 'HS256', 'SHA-384': 'HS384', 'SHA-512': 'HS512' }
const KEY_LIMIT_BITS = 65_536 * 8

export function importRaw(
  bytes: Uint8Array,
  params: HmacImportParams,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  return finish(bytes, readHmacHash(params, 'import a key'), params, extractable, usages)
}

export function importJwk(
  jwk: JsonWebKey,
  params: HmacImportParams,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  const hash = readHmacHash(params, 'import a key')
  if (jwk.kty !== 'oct') throw dataError('kty is not oct')
  if (typeof jwk.k !== 'string' || !/^[A-Za-z0-9_-]*$/.test(jwk.k) || jwk.k.length % 4 === 1) {
    throw dataError('k is no base64url')
  }
  if (jwk.alg !== undefined && jwk.alg !== JWK_NAMES[hash]) {
    throw dataError(`alg is ${jwk.alg}, not ${JWK_NAMES[hash]}`)
  }
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== 'sig') {
    throw dataError('use is not sig')
  }
  const operations = jwk.key_ops
  if (operations !== undefined) {
    if (new Set(operations).size < operations.length) throw dataError('key_ops repeats itself')
    if (!usages.every((usage) => operations.includes(usage))) {
      throw dataError('key_ops does not allow the usages')
    }
  }
  if (jwk.ext === false && extractable) throw dataError('ext is false')
  const text = atob(jwk.k.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
  return finish(bytes, hash, params, extractable, usages)
}

export function generateKey(
  params: HmacImportParams,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  const hash = readHmacHash(params, 'generate a key')
  const length = params.length ?? blockBits(hash)
  if (!(length > 0 && length <= KEY_LIMIT_BITS)) {
    throw new DOMException(
      `Cannot generate a key: ${length} bits are not within 1 to ${KEY_LIMIT_BITS}`,
      'OperationError',
    )
  }
  const secret = new Uint8Array(Math.ceil(length / 8))
  fillRandom(secret)
  return finish(secret, hash, { ...params, length }, extractable, usages)
}

export function exportJwk(key: CryptoKey): JsonWebKey {
  const binary = Array.from(secretOf(key), (byte) => String.fromCharCode(byte)).join('')
  return {
    key_ops: [...key.usages],
    ext: key.extractable,
    kty: 'oct',
    k: btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
    alg: JWK_NAMES[key.algorithm.hash.name],
  }
}

/**
 * The usages in the order of the standard, each once. Throws SyntaxError for those that HMAC has
 * not.
 */
export function readUsages(usages: Iterable<KeyUsage>): KeyUsage[] {
  const given = [...usages]
  for (const usage of given) {
    if (!ALL_USAGES.includes(usage))
      throw new TypeError(
        `Cannot use a key: usage must be one of ${ALL_USAGES.join(', ')}, not '${usage}'`,
      )
    if (!(USAGES as readonly string[]).includes(usage)) {
      throw new DOMException(`Cannot use a key for HMAC to ${usage}`, 'SyntaxError')
    }
  }
  return USAGES.filter((usage) => given.includes(usage))
}

function readHmacHash(params: HmacImportParams, operation: string): HashName {
  const { hash } = params as { hash?: AlgorithmIdentifier }
  if (hash === undefined) throw new TypeError(`Cannot ${operation}: the algorithm has no hash`)
  return readHash(hash, operation)
}

function finish(
  bytes: Uint8Array,
  hash: HashName,
  params: HmacImportParams,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  const held = bytes.length * 8
  if (held === 0) throw dataError('it is empty')
  const length = params.length ?? held
  if (length > held || length <= held - 8) throw dataError(`${held} bits are not ${length}`)
  if (usages.length === 0) {
    throw new DOMException('Cannot make a key: it has no usage', 'SyntaxError')
  }
  const secret = bytes.slice()
  // What is beyond the length in bits does not count.
  if (length < held) secret[secret.length - 1]! &= 0xff << (held - length)
  const algorithm = { name: 'HMAC', hash: { name: hash }, length } as const
  return makeKey(secret, algorithm, extractable, usages)
}

function dataError(why: string): DOMException {
  return new DOMException(`Cannot import the key: ${why}`, 'DataError')
}
