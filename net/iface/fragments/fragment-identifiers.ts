/**
 * Identifications of datagrams sent in fragments, which nobody can guess and each pair of addresses
 * counts for itself (RFC 7739 §5.3).
 */
import type { KeyedHash } from '../../storage/buffer.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { drawKey, type RandomSource } from '../random-source.ts'

/** Which destinations share a counter, nobody outside knows. */
const COUNTERS = 1024
/** Both addresses. */
const MESSAGE_BYTES = 32

export class FragmentIdentifiers {
  private readonly random: RandomSource
  /** Drawn and made when first used: most guests never send a fragment. */
  private offsetKey: Uint8Array | null = null
  private counterKey: Uint8Array | null = null
  private counters: Int32Array | null = null
  private readonly message = new Int32Array(8)
  private readonly messageBytes = new Uint8Array(this.message.buffer)
  private readonly hash: KeyedHash

  constructor(random: RandomSource, hash: KeyedHash) {
    this.random = random
    this.hash = hash
  }

  /** An int32, of which IPv4 takes 16 bits. */
  next(source: IpAddress, destination: IpAddress): number {
    const { message, messageBytes, random, hash } = this
    message[0] = source.word0
    message[1] = source.word1
    message[2] = source.word2
    message[3] = source.word3
    message[4] = destination.word0
    message[5] = destination.word1
    message[6] = destination.word2
    message[7] = destination.word3
    this.offsetKey ??= drawKey(random)
    this.counterKey ??= drawKey(random)
    this.counters ??= new Int32Array(COUNTERS)
    const index = hash.keyedHash(this.counterKey, messageBytes, MESSAGE_BYTES) & (COUNTERS - 1)
    const count = this.counters[index]!
    this.counters[index] = count + 1
    return (hash.keyedHash(this.offsetKey, messageBytes, MESSAGE_BYTES) + count) | 0
  }
}
