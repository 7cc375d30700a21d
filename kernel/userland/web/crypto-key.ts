/** CryptoKey (Web Cryptography §13): here always a secret one, for HMAC. */

export type KeyUsage =
  | 'encrypt'
  | 'decrypt'
  | 'sign'
  | 'verify'
  | 'deriveKey'
  | 'deriveBits'
  | 'wrapKey'
  | 'unwrapKey'

export interface HmacKeyAlgorithm {
  readonly name: 'HMAC'
  readonly hash: { readonly name: HashName }
  /** In bits. */
  readonly length: number
}

export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/** Only this folder makes keys, and only it sees what is in them. */
const secrets = /* @__PURE__ */ new WeakMap<CryptoKey, Uint8Array>()
const MAKE = /* @__PURE__ */ Symbol('make')

export class CryptoKey {
  readonly type = 'secret'
  readonly extractable: boolean
  readonly algorithm: HmacKeyAlgorithm
  readonly usages: readonly KeyUsage[]

  constructor(
    key: typeof MAKE,
    secret: Uint8Array,
    algorithm: HmacKeyAlgorithm,
    extractable: boolean,
    usages: readonly KeyUsage[],
  ) {
    if (key !== MAKE) throw new TypeError('Cannot make CryptoKey: use crypto.subtle')
    secrets.set(this, secret)
    this.algorithm = algorithm
    this.extractable = extractable
    this.usages = usages
  }

  get [Symbol.toStringTag](): string {
    return 'CryptoKey'
  }
}

export function makeKey(
  secret: Uint8Array,
  algorithm: HmacKeyAlgorithm,
  extractable: boolean,
  usages: readonly KeyUsage[],
): CryptoKey {
  return new CryptoKey(MAKE, secret, algorithm, extractable, usages)
}

export function secretOf(key: CryptoKey): Uint8Array {
  return secrets.get(key)!
}
