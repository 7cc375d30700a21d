/** Reads frames of RFC 6455 §5.2 out of ranges of any size: heads strictly, payload unmasked. */
import {
  BINARY,
  CLOSE,
  CloseCode,
  CONTINUATION,
  CONTROL_LENGTH,
  FINAL,
  KEY_BYTES,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  OPCODE,
  PONG,
  RESERVED,
} from './frame.ts'
import { maskBytes } from './mask.ts'

/** Two bytes, a length of eight, a key. */
const LONGEST_HEAD = 14
const HIGH_BIT = 0x80
const TWO_TO_32 = 2 ** 32

/** Why a connection fails, with the code that says so. */
export interface Violation {
  readonly code: number
  readonly reason: string
}

export class FrameReader {
  /** Of the frame whose head was read last. */
  opcode = CONTINUATION
  isFinal = true
  /** Of its payload, what has not been taken yet. */
  remaining = 0
  /** True from the end of a head to the end of its payload. */
  isInFrame = false
  /** After `readHead`: how many bytes it took. */
  consumed = 0
  violation: Violation | null = null
  private readonly expectsMask: boolean
  private readonly head = new Uint8Array(LONGEST_HEAD)
  private headLength = 0
  /** Turned as far as the payload has been taken. */
  private readonly key = new Uint8Array(KEY_BYTES)
  private readonly turned = new Uint8Array(KEY_BYTES)

  /** §5.1: a client masks all its frames, a server none. */
  constructor(expectsMask: boolean) {
    this.expectsMask = expectsMask
  }

  /** False as long as the head goes on in the next range, or when it is a violation. */
  readHead(bytes: Uint8Array, offset: number, length: number): boolean {
    const { head } = this
    this.consumed = 0
    for (let at = offset; at < offset + length; ) {
      head[this.headLength++] = bytes[at++]!
      this.consumed = at - offset
      if (this.headLength < 2) continue
      if (this.headLength === 2) this.violation = this.check()
      if (this.violation !== null) return false
      if (this.headLength < this.headBytes()) continue
      this.headLength = 0
      this.violation = this.begin()
      return this.violation === null
    }
    return false
  }

  /** Takes up to `length` bytes of the payload to `target`, and returns how many. */
  takePayload(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
  ): number {
    const count = Math.min(length, this.remaining)
    if (this.expectsMask) {
      maskBytes(target, targetOffset, source, sourceOffset, count, this.turned)
      this.turn(count)
    } else if (count > 0) {
      target.set(source.subarray(sourceOffset, sourceOffset + count), targetOffset)
    }
    this.remaining -= count
    if (this.remaining === 0) this.isInFrame = false
    return count
  }

  private turn(count: number): void {
    const { key, turned } = this
    // The next part of the payload begins where the key had come to.
    for (let index = 0; index < KEY_BYTES; index++) {
      key[index] = turned[(index + count) % KEY_BYTES]!
    }
    turned.set(key)
  }

  private headBytes(): number {
    const field = this.head[1]! & ~MASKED
    const lengthBytes = field === LENGTH_16 ? 2 : field === LENGTH_64 ? 8 : 0
    return 2 + lengthBytes + (this.expectsMask ? KEY_BYTES : 0)
  }

  /** What the first two bytes tell. */
  private check(): Violation | null {
    const [first, second] = this.head as unknown as [number, number]
    const opcode = first & OPCODE
    const length = second & ~MASKED
    // §5.2: reserved bits "MUST be 0 unless an extension is negotiated", and none ever is.
    if ((first & RESERVED) !== 0) return broken('a reserved bit is set')
    if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) {
      return broken(`opcode ${opcode} is not known`)
    }
    if (opcode >= CLOSE) {
      if ((first & FINAL) === 0) return broken('a control frame is fragmented')
      if (length > CONTROL_LENGTH) return broken('a control frame is longer than 125 bytes')
    }
    if (((second & MASKED) !== 0) === this.expectsMask) return null
    return broken(this.expectsMask ? 'a frame is not masked' : 'a server has masked a frame')
  }

  /** The head is whole. */
  private begin(): Violation | null {
    const { head } = this
    const field = head[1]! & ~MASKED
    let length = field
    let keyAt = 2
    if (field === LENGTH_16) {
      length = (head[2]! << 8) | head[3]!
      keyAt = 4
    } else if (field === LENGTH_64) {
      const high = readU32(head, 2)
      // §5.2: "the most significant bit MUST be 0".
      if ((head[2]! & HIGH_BIT) !== 0) return broken('a length of 64 bits has its highest bit set')
      length = high * TWO_TO_32 + readU32(head, 6)
      keyAt = 10
    }
    // §5.2: "the minimal number of bytes MUST be used to encode the length".
    if (field >= LENGTH_16 && length < (field === LENGTH_16 ? LENGTH_16 : 0x1_0000)) {
      return broken('a length takes more bytes than it needs')
    }
    if (this.expectsMask) this.turned.set(head.subarray(keyAt, keyAt + KEY_BYTES))
    this.opcode = head[0]! & OPCODE
    this.isFinal = (head[0]! & FINAL) !== 0
    this.remaining = length
    this.isInFrame = true
    return null
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

function broken(reason: string): Violation {
  return { code: CloseCode.protocolError, reason }
}
