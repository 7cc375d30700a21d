/**
 * The keys of `node:crypto`: secrets for HMAC. There are no others here, and a key that is meant
 * for RSA or elliptic curves must not become a secret.
 */
import { decodeUtf8 } from '../web/host-globals.ts'
import { Buffer } from './buffer.ts'

/** Explanations of any length may stand before it (RFC 7468 §2). */
const PEM_START = '-----BEGIN '

export class KeyObject {
  readonly type = 'secret'
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes)
  }

  get symmetricKeySize(): number {
    return this.#bytes.length
  }

  export(): Buffer {
    return Buffer.from(this.#bytes)
  }

  equals(other: KeyObject): boolean {
    return this.#bytes.equals(other.#bytes)
  }
}

/**
 * Throws Error for text in PEM: packages try a public key first and take what is none for a secret.
 * Whoever knows the public key could then sign.
 */
export function createSecretKey(key: string | ArrayBufferView, encoding?: string): KeyObject {
  if (typeof key !== 'string' && !ArrayBuffer.isView(key)) {
    throw new TypeError('Cannot make a secret key: it is neither text nor bytes')
  }
  const bytes =
    typeof key === 'string'
      ? Buffer.from(key, encoding)
      : Buffer.from(key.buffer as ArrayBuffer, key.byteOffset, key.byteLength)
  if (decodeUtf8(bytes, true).includes(PEM_START)) throw noKeys()
  return new KeyObject(bytes)
}

/** Always throws. */
export function createPublicKey(): never {
  throw noKeys()
}

/** Always throws. */
export function createPrivateKey(): never {
  throw noKeys()
}

/** Always throws. */
export function createSign(): never {
  throw noKeys()
}

/** Always throws. */
export function createVerify(): never {
  throw noKeys()
}

function noKeys(): Error {
  return new Error('Cannot use the key: there are no RSA and elliptic curves here, only HMAC')
}
