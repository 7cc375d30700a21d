/** Adds `subtle` to the global `crypto`, in apps that name it. */
import { SubtleCrypto } from './subtle-crypto.ts'

Object.defineProperty((globalThis as unknown as { crypto: object }).crypto, 'subtle', {
  value: new SubtleCrypto(),
  configurable: true,
  enumerable: true,
})
