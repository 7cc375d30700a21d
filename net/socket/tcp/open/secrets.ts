/**
 * What must not be guessable: initial sequence numbers (RFC 6528), timestamp offsets, ephemeral
 * ports (RFC 6056), table keys.
 */
import { drawKey, type RandomSource } from '../../../iface/random-source.ts'
import type { KeyedHash } from '../../../storage/buffer.ts'
import { isLinkLocal } from '../../../wire/ip-address.ts'
import type { ConnectionEnds } from '../transmission-control-block.ts'
import { SynCookies } from './syn-cookie.ts'

/** RFC 6056 §3.2: the widest range, all but the well-known ports. */
const FIRST_EPHEMERAL_PORT = 1024
const EPHEMERAL_PORT_COUNT = 65536 - FIRST_EPHEMERAL_PORT

/** Between whom, and on which link the peer is, where it is a link-local one. */
export interface NumberedEnds extends ConnectionEnds {
  readonly arrivalIndex: number
}

/** What is filled in with numbers that belong to its ends. */
interface NumberedAttempt extends NumberedEnds {
  sendSequence: number
  timestampOffset: number
}

export class Secrets {
  /** Of the connection table's hash. */
  readonly tableKey: Uint8Array
  readonly cookies: SynCookies
  /**
   * Two keys of 64 bits whose outputs are combined, since one alone would be short for a secret
   * that lives as long as the boot.
   */
  private readonly sequenceKeys: readonly [Uint8Array, Uint8Array]
  private readonly timestampKey: Uint8Array
  private readonly message = new Int32Array(10)
  private readonly messageBytes = new Uint8Array(this.message.buffer)
  private readonly random: RandomSource
  private readonly hash: KeyedHash

  constructor(random: RandomSource, hash: KeyedHash) {
    this.random = random
    this.hash = hash
    this.tableKey = drawKey(random)
    this.sequenceKeys = [drawKey(random), drawKey(random)]
    this.timestampKey = drawKey(random)
    this.cookies = new SynCookies(random, hash)
  }

  /** Both numbers of a passive open, of one message: an offset only for a peer with timestamps. */
  number(attempt: NumberedAttempt, hasTimestamps: boolean, nowMs: number): void {
    const length = this.compose(attempt)
    attempt.timestampOffset = hasTimestamps
      ? this.hash.keyedHash(this.timestampKey, this.messageBytes, length)
      : 0
    attempt.sendSequence = this.sequenceOf(length, nowMs)
  }

  /**
   * RFC 6528 §3: ISN = M + F(localip, localport, remoteip, remoteport, secretkey), M a 4
   * microsecond clock. int32.
   */
  initialSequence(ends: NumberedEnds, nowMs: number): number {
    return this.sequenceOf(this.compose(ends), nowMs)
  }

  private sequenceOf(length: number, nowMs: number): number {
    const { hash, messageBytes, sequenceKeys } = this
    // By index: taking an array apart makes an iterator, for each SYN of a flood too.
    const first = hash.keyedHash(sequenceKeys[0], messageBytes, length)
    const keyed = first ^ hash.keyedHash(sequenceKeys[1], messageBytes, length)
    return (keyed + Math.floor(nowMs * 250)) | 0
  }

  /**
   * RFC 7323 §5.4: the timestamp clock starts anywhere, per connection, and goes on over reuse of
   * the same ports.
   */
  timestampOffset(ends: NumberedEnds): number {
    const length = this.compose(ends)
    return this.hash.keyedHash(this.timestampKey, this.messageBytes, length)
  }

  /**
   * RFC 6056 §3.3.2, algorithm 2: a random port for every try, so that no counter leaks what goes
   * elsewhere.
   */
  ephemeralPort(): number {
    // The bias of the remainder is below 2^-15.
    return FIRST_EPHEMERAL_PORT + ((this.random.nextInt32() >>> 1) % EPHEMERAL_PORT_COUNT)
  }

  /** The next one of the range, whose end is followed by its start. */
  ephemeralPortAfter(port: number): number {
    return port === 0xffff ? FIRST_EPHEMERAL_PORT : port + 1
  }

  /**
   * Puts the ends into `message`; returns how many bytes it takes. IPv4's are fewer: a SYN flood
   * pays for each.
   */
  private compose(ends: NumberedEnds): number {
    const { message } = this
    const { localAddress: local, localPort, remoteAddress: remote, remotePort } = ends
    message[0] = (localPort << 16) | remotePort
    message[1] = local.word3
    message[2] = remote.word3
    if (remote.version === 4) return 12
    message[3] = local.word0
    message[4] = local.word1
    message[5] = local.word2
    message[6] = remote.word0
    message[7] = remote.word1
    message[8] = remote.word2
    if (!isLinkLocal(remote)) return 36
    // RFC 4007 §6: on another link it is somebody else, who is to learn nothing of this one.
    message[9] = ends.arrivalIndex
    return 40
  }
}
