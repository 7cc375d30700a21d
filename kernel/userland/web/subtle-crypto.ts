/**
 * crypto.subtle (Web Cryptography §14): digests and HMAC; every other algorithm is refused by its
 * name.
 */
import {
  type AlgorithmIdentifier,
  authenticate,
  digest,
  type HmacImportParams,
  type HmacParams,
  notSupported,
  readHash,
  readName,
  requireHmac,
} from './crypto-algorithm.ts'
import { CryptoKey, type KeyUsage, secretOf } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import {
  exportJwk,
  generateKey,
  importJwk,
  importRaw,
  type JsonWebKey,
  readUsages,
} from './hmac-key.ts'

type BufferSource = ArrayBuffer | ArrayBufferView
type KeyFormat = 'raw' | 'pkcs8' | 'spki' | 'jwk'

export class SubtleCrypto {
  async digest(algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer> {
    const name = readHash(algorithm, 'digest')
    return bufferOf(await digest(name, copyOf(data)))
  }

  async sign(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    data: BufferSource,
  ): Promise<ArrayBuffer> {
    const bytes = copyOf(data)
    requireKey(algorithm, key, 'sign')
    return bufferOf(await authenticate(key.algorithm.hash.name, secretOf(key), bytes))
  }

  async verify(
    algorithm: AlgorithmIdentifier,
    key: CryptoKey,
    signature: BufferSource,
    data: BufferSource,
  ): Promise<boolean> {
    const [given, bytes] = [copyOf(signature), copyOf(data)]
    requireKey(algorithm, key, 'verify')
    return areEqual(given, await authenticate(key.algorithm.hash.name, secretOf(key), bytes))
  }

  async importKey(
    format: KeyFormat,
    keyData: BufferSource | JsonWebKey,
    algorithm: HmacParams,
    extractable: boolean,
    keyUsages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    requireHmac(algorithm, 'import a key')
    const params = algorithm as HmacImportParams
    const isBytes = keyData instanceof ArrayBuffer || ArrayBuffer.isView(keyData)
    if (isBytes === (format === 'jwk')) {
      throw new TypeError(`Cannot import the key: the data is not ${format}`)
    }
    const usages = readUsages(keyUsages)
    if (format === 'raw') {
      return importRaw(copyOf(keyData as BufferSource), params, extractable, usages)
    }
    if (format === 'jwk') return importJwk(keyData as JsonWebKey, params, extractable, usages)
    throw notSupported('import a key', format, 'for HMAC there are raw and jwk')
  }

  exportKey(format: 'jwk', key: CryptoKey): Promise<JsonWebKey>
  exportKey(format: 'raw' | 'pkcs8' | 'spki', key: CryptoKey): Promise<ArrayBuffer>
  async exportKey(format: KeyFormat, key: CryptoKey): Promise<ArrayBuffer | JsonWebKey> {
    if (!(key instanceof CryptoKey))
      throw new TypeError('Cannot export the key: it must be a CryptoKey')
    if (!key.extractable) {
      throw new DOMException('Cannot export the key: it is not extractable', 'InvalidAccessError')
    }
    if (format === 'raw') return bufferOf(secretOf(key).slice())
    if (format === 'jwk') return exportJwk(key)
    throw notSupported('export a key', format, 'for HMAC there are raw and jwk')
  }

  async generateKey(
    algorithm: HmacParams,
    extractable: boolean,
    keyUsages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    requireHmac(algorithm, 'generate a key')
    return generateKey(algorithm as HmacImportParams, extractable, readUsages(keyUsages))
  }

  encrypt(algorithm: AlgorithmIdentifier, ..._rest: unknown[]): Promise<never> {
    return refuse('encrypt', algorithm)
  }

  decrypt(algorithm: AlgorithmIdentifier, ..._rest: unknown[]): Promise<never> {
    return refuse('decrypt', algorithm)
  }

  deriveBits(algorithm: AlgorithmIdentifier, ..._rest: unknown[]): Promise<never> {
    return refuse('derive bits', algorithm)
  }

  deriveKey(algorithm: AlgorithmIdentifier, ..._rest: unknown[]): Promise<never> {
    return refuse('derive a key', algorithm)
  }

  wrapKey(
    _format: KeyFormat,
    _key: CryptoKey,
    _wrappingKey: CryptoKey,
    algorithm: AlgorithmIdentifier,
  ): Promise<never> {
    return refuse('wrap a key', algorithm)
  }

  unwrapKey(
    _format: KeyFormat,
    _wrapped: BufferSource,
    _unwrappingKey: CryptoKey,
    algorithm: AlgorithmIdentifier,
    ..._rest: unknown[]
  ): Promise<never> {
    return refuse('unwrap a key', algorithm)
  }

  get [Symbol.toStringTag](): string {
    return 'SubtleCrypto'
  }
}

async function refuse(operation: string, algorithm: AlgorithmIdentifier): Promise<never> {
  throw notSupported(operation, readName(algorithm), 'there are digests and HMAC')
}

function requireKey(
  algorithm: AlgorithmIdentifier,
  key: CryptoKey,
  usage: 'sign' | 'verify',
): void {
  requireHmac(algorithm, usage)
  if (!(key instanceof CryptoKey))
    throw new TypeError(`Cannot ${usage}: the key must be a CryptoKey`)
  if (key.usages.includes(usage)) return
  throw new DOMException(`Cannot ${usage}: the key is not for that`, 'InvalidAccessError')
}

/** As it is now: the caller may change its own while this works. */
function copyOf(data: BufferSource): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0))
  if (!ArrayBuffer.isView(data)) {
    throw new TypeError('Cannot read the data: it is neither an ArrayBuffer nor a view of one')
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
}

/** The time it takes does not tell where they differ. */
function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  let difference = 0
  for (let at = 0; at < one.length; at++) difference |= one[at]! ^ other[at]!
  return difference === 0
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer as ArrayBuffer
}
