/** Adds `subtle` to the global `crypto`, in apps that name it. */
import { system } from 'eremite'
import { useHashNatives } from './hash.ts'
import { SubtleCrypto } from './subtle-crypto.ts'

useHashNatives(system)
Object.defineProperty((globalThis as unknown as { crypto: object }).crypto, 'subtle', {
  value: new SubtleCrypto(),
  configurable: true,
  enumerable: true,
})
