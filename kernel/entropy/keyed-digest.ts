/** SHA-256 under a secret key: the function of RFC 7217 §5 that IPv6 identifiers are made with. */
import { type DigestNatives, Sha256 } from './sha256.ts'

/** All messages have one length, so that the key in front of them is enough; 32 octets. */
export function keyedDigest(
  natives: DigestNatives,
  key: Uint8Array,
): (message: Uint8Array) => Uint8Array {
  return (message) => new Sha256(natives).update(key).update(message).finish()
}
