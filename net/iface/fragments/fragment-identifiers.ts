/** Identifications of datagrams sent in fragments, which nobody can guess and each pair of addresses counts for itself (RFC 7739 §5.3). */
import { halfSipHash } from '../../wire/half-sip-hash.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import type { RandomSource } from '../random-source.ts'

/** Which destinations share a counter, nobody outside knows. */
const COUNTERS = 1024

export class FragmentIdentifiers {
  private readonly random: RandomSource
  /** Drawn and made when first used: most guests never send a fragment. */
  private offsetKey: Int32Array | null = null
  private counterKey: Int32Array | null = null
  private counters: Int32Array | null = null
  private readonly message = new Int32Array(8)

  constructor(random: RandomSource) {
    this.random = random
  }

  /** An int32, of which IPv4 takes 16 bits. */
  next(source: IpAddress, destination: IpAddress): number {
    const { message, random } = this
    message[0] = source.word0
    message[1] = source.word1
    message[2] = source.word2
    message[3] = source.word3
    message[4] = destination.word0
    message[5] = destination.word1
    message[6] = destination.word2
    message[7] = destination.word3
    this.offsetKey ??= Int32Array.of(random.nextInt32(), random.nextInt32())
    this.counterKey ??= Int32Array.of(random.nextInt32(), random.nextInt32())
    this.counters ??= new Int32Array(COUNTERS)
    const index = halfSipHash(this.counterKey, message, 8) & (COUNTERS - 1)
    const count = this.counters[index]!
    this.counters[index] = count + 1
    return (halfSipHash(this.offsetKey, message, 8) + count) | 0
  }
}
