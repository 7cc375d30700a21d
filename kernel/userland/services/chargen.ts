/**
 * The character generator over TCP (RFC 864): the rotating pattern of printable lines until the
 * peer goes away.
 */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'

export const CHARGEN_PORT = 19

const FIRST_CHARACTER = 0x20
/** RFC 864: "the ninety-five ASCII graphic characters", space included. */
const CHARACTER_COUNT = 95
const CHARACTERS_PER_LINE = 72
const LINE_BYTES = CHARACTERS_PER_LINE + 2
const PERIOD_BYTES = CHARACTER_COUNT * LINE_BYTES
/** Periods laid end to end, so that one send covers about a super-segment. */
const PERIODS = 10

/**
 * Whole periods of the pattern: line n begins with the n-th character, as in the example of RFC
 * 864.
 */
export function makeLines(): Uint8Array {
  const bytes = new Uint8Array(PERIODS * PERIOD_BYTES)
  const ring = new Uint8Array(CHARACTER_COUNT + CHARACTERS_PER_LINE)
  for (let index = 0; index < ring.length; index++) {
    ring[index] = FIRST_CHARACTER + (index % CHARACTER_COUNT)
  }
  for (let line = 0; line < CHARACTER_COUNT; line++) {
    const offset = line * LINE_BYTES
    bytes.set(ring.subarray(line, line + CHARACTERS_PER_LINE), offset)
    bytes[offset + CHARACTERS_PER_LINE] = 0x0d
    bytes[offset + CHARACTERS_PER_LINE + 1] = 0x0a
  }
  for (let period = 1; period < PERIODS; period++) {
    bytes.copyWithin(period * PERIOD_BYTES, 0, PERIOD_BYTES)
  }
  return bytes
}

/** Made at the first connection, then shared by all. */
export class ChargenService implements TcpSocketHandler {
  private lines: Uint8Array | null = null
  /** Where in the pattern each connection is. */
  private readonly positions = new WeakMap<TcpSocket, { offset: number }>()

  start(socket: TcpSocket): void {
    this.positions.set(socket, { offset: 0 })
    this.onWritable(socket)
  }

  onWritable(socket: TcpSocket): void {
    const position = this.positions.get(socket)
    if (position === undefined) return
    if (this.lines === null) this.lines = makeLines()
    const lines = this.lines
    while (socket.canSend()) {
      const length = lines.length - position.offset
      const sent = socket.send(lines, position.offset, length)
      position.offset = sent === length ? 0 : position.offset + sent
      if (sent < length) return
    }
  }

  /**
   * RFC 864: "any data received is thrown away". A peer that has finished sending may still want
   * characters.
   */
  onReadable(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
  }

  onWindDown(socket: TcpSocket): void {
    socket.closeWrite()
  }

  onClose(socket: TcpSocket): void {
    this.positions.delete(socket)
  }
}
