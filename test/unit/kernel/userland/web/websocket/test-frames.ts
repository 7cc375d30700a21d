/** Frames of RFC 6455 §5.2 as a test writes and reads them, wrong ones included. */

export interface FrameOptions {
  readonly final?: boolean
  readonly reserved?: number
  /** Null = not masked. */
  readonly key?: readonly number[] | null
  /** Bytes of the length field: 1, 2 or 8; the least that does when absent. */
  readonly lengthBytes?: 1 | 2 | 8
  /** What the head says, when that is not so. */
  readonly claimedLength?: bigint
}

export interface TestFrame {
  readonly opcode: number
  readonly final: boolean
  readonly payload: Buffer
  readonly key: readonly number[] | null
}

const DEFAULT_KEY = [0x37, 0xfa, 0x21, 0x3d]

export function frame(
  opcode: number,
  content: string | Uint8Array = '',
  options: FrameOptions = {},
): Buffer {
  const payload = Buffer.from(content as string)
  const { final = true, reserved = 0, key = DEFAULT_KEY } = options
  const least = payload.length < 126 ? 1 : payload.length < 65_536 ? 2 : 8
  const { lengthBytes = least, claimedLength = BigInt(payload.length) } = options
  const head = Buffer.alloc(lengthBytes === 1 ? 2 : 2 + lengthBytes)
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] =
    (key === null ? 0 : 0x80) |
    (lengthBytes === 1 ? Number(claimedLength) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(Number(claimedLength), 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(claimedLength, 2)
  if (key === null) return Buffer.concat([head, payload])
  return Buffer.concat([head, Buffer.from(key), payload.map((byte, at) => byte ^ key[at % 4]!)])
}

/** A Close frame's payload. */
export function closing(code: number, reason: string | Uint8Array = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason as string)])
}

export function isMasked({ key }: TestFrame): boolean {
  return key !== null
}

/** All frames of `bytes`; throws when the last one is not whole. */
export function parseFrames(bytes: Buffer): TestFrame[] {
  const frames: TestFrame[] = []
  for (let at = 0; at < bytes.length; ) {
    const [first, second] = [bytes[at]!, bytes[at + 1]!]
    if ((first & 0x70) !== 0) throw new Error('a reserved bit is set')
    const field = second & 0x7f
    const lengthBytes = field === 126 ? 2 : field === 127 ? 8 : 0
    const length =
      lengthBytes === 0
        ? field
        : lengthBytes === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2))
    at += 2 + lengthBytes
    const key = (second & 0x80) === 0 ? null : [...bytes.subarray(at, at + 4)]
    if (key !== null) at += 4
    if (at + length > bytes.length) throw new Error('a frame is not whole')
    const payload = bytes.subarray(at, at + length).map((byte, i) => byte ^ (key?.[i % 4] ?? 0))
    frames.push({
      opcode: first & 0x0f,
      final: (first & 0x80) !== 0,
      payload: Buffer.from(payload),
      key,
    })
    at += length
  }
  return frames
}
