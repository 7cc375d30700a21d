/**
 * Rows 83 to 99 of the corpus: TCP, on a connection of the tester's own, which must outlive them.
 */
import { pseudoHeader, withChecksum } from '../../support/frames.ts'
import { type TcpOptions, tcp } from '../support/frames.ts'
import { GUEST4, TESTER4, times } from './hostile-input.ts'

export const Flag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32 } as const

/**
 * An open connection to the echo service: sequence numbers count from the tester's SYN, which is 0.
 */
export interface Conversation {
  readonly sourcePort: number
  readonly destinationPort: number
  /** The tester's next one. */
  readonly next: number
  /** The guest's initial sequence number. */
  readonly guestIsn: number
  segment(fields?: Partial<TcpOptions>): Buffer
}

export interface TcpInput {
  readonly number: number
  readonly name: string
  /** Of the SYN, in hexadecimal: none by default. */
  readonly synOptions?: string
  /** Of every segment after it. */
  readonly options?: string
  /** The tester's initial sequence number; 0 by default. */
  readonly initialSequence?: number
  readonly frames?: (conversation: Conversation) => Iterable<Buffer>
  /**
   * Octets of the stream that the frames are, in order: the guest echoes them before the twin's.
   */
  readonly echoed?: string
  /** Resets that come back; by default none. */
  readonly resets?: number
  /** Frames that come back, at most. */
  readonly atMost?: number
}

const TCP_AT = 34

/** Changes octets of an IPv4 frame's TCP header and computes its checksum anew. */
function changed(frame: Buffer, change: (segment: Buffer) => void): Buffer {
  const end = 14 + frame.readUInt16BE(16)
  const segment = Buffer.from(frame.subarray(TCP_AT, end))
  change(segment)
  const pseudo = pseudoHeader(TESTER4, GUEST4, 6, segment.length)
  const summed = withChecksum(segment, 16, pseudo)
  return Buffer.concat([frame.subarray(0, TCP_AT), summed, frame.subarray(end)])
}

const NOPS = '01010101'
const row = (number: number, name: string, more: Omit<TcpInput, 'number' | 'name'>): TcpInput => ({
  ...{ number, name, ...more },
})
const withOptions = (number: number, name: string, options: string): TcpInput =>
  row(number, name, { frames: (c) => [c.segment({ options })] })
const stamp = (value: number, echo: number) =>
  `0101080a${(value >>> 0).toString(16).padStart(8, '0')}${(echo >>> 0).toString(16).padStart(8, '0')}`
const block = (left: number, right: number) =>
  (left >>> 0).toString(16).padStart(8, '0') + (right >>> 0).toString(16).padStart(8, '0')

/** A SACK option of these blocks, counted from the guest's initial sequence number. */
function sack(c: Conversation, ...blocks: readonly [number, number][]): string {
  const text = blocks.map(([left, right]) => block(c.guestIsn + left, c.guestIsn + right)).join('')
  return `010105${(2 + blocks.length * 8).toString(16).padStart(2, '0')}${text}`
}

const sacks = (name: string, make: (c: Conversation) => readonly [number, number][]): TcpInput =>
  row(87, name, {
    synOptions: '04020101',
    frames: (c) => [c.segment({ options: sack(c, ...make(c)) })],
  })

const HEADERS: TcpInput[] = [
  ...[0, 1, 2, 3, 4].map((words) =>
    row(83, `a data offset of ${words} words`, {
      frames: (c) => [changed(c.segment(), (segment) => segment.writeUInt8(words << 4, 12))],
    }),
  ),
  row(83, 'a data offset beyond the segment (CVE-2020-24341)', {
    frames: (c) => [changed(c.segment(), (segment) => segment.writeUInt8(15 << 4, 12))],
  }),
  withOptions(84, 'an option of length 0 (picoTCP 24337)', `fd00${NOPS.slice(4)}`),
  withOptions(84, 'an option of length 1', `fd01${NOPS.slice(4)}`),
  withOptions(84, 'an option beyond the header (CVE-2019-12258)', `fd28${NOPS.slice(4)}`),
  withOptions(84, 'an option without a length', `${NOPS.slice(2)}fd`),
  ...['02040000', '02040001', '02040008', '0204ffff'].map((synOptions) =>
    row(85, `an MSS of 0x${synOptions.slice(4)}`, { synOptions }),
  ),
  row(85, 'an MSS option of 3 octets (smoltcp #538)', { synOptions: '02030501' }),
  ...[15, 128, 255].map((shift) =>
    row(86, `a window scale of ${shift}`, {
      synOptions: `010303${shift.toString(16).padStart(2, '0')}`,
    }),
  ),
  row(86, 'a window scale behind the handshake', {
    frames: (c) => [c.segment({ options: '0103030e' })],
  }),
]

const ACKNOWLEDGMENTS: TcpInput[] = [
  sacks('a block that ends before it begins', () => [[9, 5]]),
  sacks('an empty block', () => [[5, 5]]),
  sacks('a block beyond what was sent', () => [[1000, 2000]]),
  sacks('a block below what is acknowledged', () => [[-2000, -1000]]),
  sacks('a block around 2^32 (smoltcp 0.13.1)', () => [[-1, 0x7fffffff]]),
  sacks('four blocks over each other', () => [
    [1, 9],
    [2, 8],
    [3, 7],
    [1, 9],
  ]),
  row(87, 'SACK with an MSS of 48 (CVE-2019-11477)', {
    synOptions: '0204003004020101',
    frames: (c) => [c.segment({ options: sack(c, [2, 3], [5, 6], [8, 9]) })],
  }),
  row(88, 'a timestamp that goes back', {
    synOptions: stamp(1000, 0),
    options: stamp(1001, 0),
    frames: (c) => [
      c.segment({ options: stamp(5, 0), flags: Flag.Psh | Flag.Ack, payload: 'old' }),
    ],
  }),
  row(88, 'an echo of a timestamp that will be', {
    synOptions: stamp(1000, 0),
    options: stamp(1001, 0),
    frames: (c) => [c.segment({ options: stamp(1001, 0x7fffffff) })],
  }),
  row(88, 'timestamps that are no longer there', {
    synOptions: stamp(1000, 0),
    options: stamp(1001, 0),
    frames: (c) => [c.segment({ options: '', flags: Flag.Psh | Flag.Ack, payload: 'bare' })],
  }),
  row(98, 'an ACK of what was never sent', {
    frames: (c) => [c.segment({ acknowledgment: c.guestIsn + 100_000 })],
  }),
  row(98, '5,000 duplicate ACKs', { frames: (c) => times(5_000, () => c.segment()), atMost: 50 }),
]

const STREAM: TcpInput[] = [
  ...[0, 1, 3, 65_535].map((pointer) =>
    row(89, `an urgent pointer of ${pointer} (CVE-2019-12255)`, {
      frames: (c) => [
        changed(c.segment({ flags: Flag.Urg | Flag.Psh | Flag.Ack, payload: 'abc' }), (segment) =>
          segment.writeUInt16BE(pointer, 18),
        ),
      ],
      echoed: 'abc',
    }),
  ),
  row(94, 'the same octets again, other ones: the first count', {
    frames: (c) => [
      c.segment({ flags: Flag.Psh | Flag.Ack, payload: 'abcd' }),
      c.segment({ flags: Flag.Psh | Flag.Ack, payload: 'wxyz' }),
    ],
    echoed: 'abcd',
  }),
  row(94, 'octets ahead, then other ones over them: the first count', {
    frames: (c) => [
      c.segment({ sequence: c.next + 2, flags: Flag.Psh | Flag.Ack, payload: 'cd' }),
      c.segment({ flags: Flag.Psh | Flag.Ack, payload: 'abXY' }),
    ],
    echoed: 'abcd',
  }),
  row(95, 'data far beyond the window', {
    frames: (c) => [
      c.segment({ sequence: c.next + 0x20000000, flags: Flag.Psh | Flag.Ack, payload: 'far' }),
    ],
  }),
  row(95, 'a FIN beyond the window', {
    frames: (c) => [c.segment({ sequence: c.next + 0x20000000, flags: Flag.Fin | Flag.Ack })],
  }),
  row(95, 'a SYN in the window', { frames: (c) => [c.segment({ flags: Flag.Syn })] }),
  row(95, 'a SYN outside of it', {
    frames: (c) => [c.segment({ sequence: c.next + 0x20000000, flags: Flag.Syn })],
  }),
  row(95, 'a reset in the window, but not next (RFC 5961 §3)', {
    frames: (c) => [c.segment({ sequence: c.next + 100, flags: Flag.Rst })],
  }),
  row(95, 'a reset outside of it', {
    frames: (c) => [c.segment({ sequence: c.next + 0x20000000, flags: Flag.Rst })],
    atMost: 0,
  }),
  row(96, 'a window of 0, then of 1, then of all', {
    frames: (c) => [0, 1, 65_535].map((window) => c.segment({ window })),
  }),
  row(97, '5,000 octets, each behind a hole (CVE-2018-5390)', {
    frames: (c) =>
      times(5_000, (index) =>
        c.segment({ sequence: c.next + 10 + index * 2, flags: Flag.Psh | Flag.Ack, payload: 'x' }),
      ),
    atMost: 5_000,
  }),
  row(90, 'every flags octet, outside of the window', {
    frames: (c) =>
      times(256, (flags) => c.segment({ sequence: c.next + 0x20000000, flags, payload: 'x' })),
    atMost: 260,
  }),
]

const HANDSHAKES: TcpInput[] = [
  row(92, 'an initial sequence number of 2^32 - 1 (smoltcp panic)', {
    initialSequence: 0xffffffff,
  }),
  row(92, 'an initial sequence number of 2^31 - 1', { initialSequence: 0x7fffffff }),
  row(99, 'a SYN again, and the ACK of it', { frames: (c) => [c.segment(), c.segment()] }),
]

export const TCP_INPUTS: readonly TcpInput[] = [
  ...HEADERS,
  ...ACKNOWLEDGMENTS,
  ...STREAM,
  ...HANDSHAKES,
]

/** Without a connection: rows with how many resets come back at most; a number of frames each. */
export const STRAY_SEGMENTS: readonly {
  readonly number: number
  readonly name: string
  readonly frames: () => Iterable<Buffer>
  readonly answers: 'nothing' | 'resets' | 'anything'
}[] = [
  {
    ...{ number: 90, name: 'every flags octet to a closed port' },
    frames: () => times(256, (flags) => stray({ destinationPort: 1, flags })),
    answers: 'resets',
  },
  {
    ...{ number: 90, name: 'every flags octet to a listener' },
    frames: () => times(256, (flags) => stray({ sourcePort: 20_000 + flags, flags })),
    answers: 'anything',
  },
  {
    ...{ number: 91, name: 'a SYN to port 0' },
    frames: () => [stray({ destinationPort: 0, flags: Flag.Syn })],
    answers: 'resets',
  },
  {
    ...{ number: 91, name: 'a SYN of the guest to itself (LAND)' },
    frames: () => {
      const frame = stray({ sourcePort: 7, flags: Flag.Syn })
      return [landed(frame)]
    },
    answers: 'nothing',
  },
  {
    ...{ number: 91, name: 'a SYN with data' },
    frames: () => [stray({ sourcePort: 30_001, flags: Flag.Syn, payload: 'early' })],
    answers: 'anything',
  },
  {
    ...{ number: 93, name: 'a reset to a listener' },
    frames: () => [stray({ flags: Flag.Rst }), stray({ flags: Flag.Rst | Flag.Ack })],
    answers: 'nothing',
  },
]

function stray(fields: Partial<TcpOptions>): Buffer {
  const base = { sourcePort: 30_000, destinationPort: 7, sequence: 1, flags: Flag.Ack }
  return tcp({ ...base, ...fields })
}

/** From the guest's own address, checksums right. */
function landed(frame: Buffer): Buffer {
  const copy = Buffer.from(frame)
  copy.set([10, 0, 0, 2], 26)
  // The source changed from .9 to .2 in both sums: each complement grows by 7.
  for (const at of [24, 50]) copy.writeUInt16BE((copy.readUInt16BE(at) + 7) % 0xffff, at)
  return copy
}
