/**
 * The tester's end of the wire: sends rows of the corpus, sees what comes back, asks valid
 * questions, reads the guest's counters.
 */
import { randomBytes } from 'node:crypto'
import { decodeFrame, type Lan, type Vm } from 'qemu-runner'
import type { StackReport } from '../../../net/api/stack-report.ts'
import type { TcpStream } from '../../../net/api/tcp-stream.ts'
import { be32, concat, icmpv4, icmpv6, ip, mac } from '../../support/frames.ts'
import { tcp, udp } from '../support/frames.ts'
import { LanHost } from '../support/lan-host.ts'
import {
  discovery,
  ECHOED4,
  ECHOED6,
  four,
  icmp6Answer,
  isIpv4Of,
  isIpv6Of,
  question,
  reply,
  six,
  TESTER_MAC,
  TESTER6,
  type Twin,
} from './hostile-input.ts'
import { type Conversation, Flag, type TcpInput } from './tcp-inputs.ts'

const ANSWER_MS = 15_000
const ECHO_PORT = 7
const SENTINEL_BYTES = 100_000
/** Frames that QEMU's end of the wire holds at once. */
const BURST = 200

type Segment = NonNullable<ReturnType<typeof decodeFrame>['tcp']>

function decode(frame: Buffer): ReturnType<typeof decodeFrame> {
  return decodeFrame({ timeMs: 0, length: frame.length, bytes: frame })
}

export function decodeTcp(frame: Buffer): Segment | undefined {
  return decode(frame).tcp
}

/** The flags octet of a TCP segment of either family; 0 of anything else. */
export function flagsOf(frame: Buffer): number {
  if (decodeTcp(frame) === undefined) return 0
  return frame[(frame.readUInt16BE(12) === 0x0800 ? 34 : 54) + 13]!
}

export class HostileWire {
  readonly vm: Vm
  /** An honest host on the same wire, whose connections must not suffer. */
  readonly host: LanHost
  private readonly lan: Lan
  /**
   * Connections of the honest host, open from before the first row to after the last: over both
   * families.
   */
  private readonly sentinels: TcpStream[] = []
  /** What the guest has sent to the tester since the last look. */
  private heard: Buffer[] = []
  /**
   * Ends that SYNs of rows before this one came from: their SYN-ACKs are sent again while this row
   * runs.
   */
  private readonly earlierSyns = new Set<string>()
  private identifier = 0
  private port = 40_000

  private constructor(vm: Vm, lan: Lan, host: LanHost) {
    this.vm = vm
    this.lan = lan
    this.host = host
    lan.onFrame((frame) => this.hear(frame))
  }

  /**
   * Of a guest that is ready on the LAN; it and the tester's two addresses get to know each other.
   */
  static async open(vm: Vm, lan: Lan): Promise<HostileWire> {
    const host = new LanHost(lan, { addresses: ['10.0.0.1/24', 'fd00::1/64'] })
    const wire = new HostileWire(vm, lan, host)
    for (const hostname of ['10.0.0.2', 'fd00::2']) {
      wire.sentinels.push(await host.stack.connect({ hostname, port: ECHO_PORT }))
    }
    for (const twin of ['arp', 'solicitation', 'ping4', 'ping6'] as const) {
      await wire.expectTwin(twin)
    }
    return wire
  }

  close(): void {
    this.host.close()
  }

  /** What the connections of before the first row bring back of random bytes; they end. */
  async useSentinels(): Promise<{ sent: Buffer; received: Buffer }[]> {
    const uses = this.sentinels.map(async (stream) => {
      const sent = randomBytes(SENTINEL_BYTES)
      const received = Buffer.alloc(SENTINEL_BYTES)
      const writing = stream.write(sent)
      const chunk = new Uint8Array(65_536)
      for (let at = 0; at < SENTINEL_BYTES; ) {
        const count = await stream.read(chunk)
        if (count === null) break
        received.set(chunk.subarray(0, count), at)
        at += count
      }
      await writing
      stream.close()
      return { sent, received }
    })
    return Promise.all(uses)
  }

  /**
   * Sends the frames and returns what comes back to the tester until valid questions behind them
   * are answered.
   */
  async send(frames: Iterable<Uint8Array>): Promise<Buffer[]> {
    await this.fence()
    this.heard = []
    const syns = new Set<string>()
    let sent = 0
    for (const frame of frames) {
      const bytes = Buffer.from(frame)
      const end = synSource(bytes)
      if (end !== undefined) syns.add(end)
      this.lan.send(bytes)
      // The guest's ring and QEMU's queue are finite, and a drop there would prove nothing.
      if (++sent % BURST === 0) await this.fence()
    }
    await this.fence()
    const heard = this.heard.filter((frame) => {
      const end = synAckDestination(frame)
      return end === undefined || syns.has(end) || !this.earlierSyns.has(end)
    })
    for (const end of syns) this.earlierSyns.add(end)
    return heard
  }

  /** One valid question of the kind, answered as it should be, or the test fails. */
  async expectTwin(twin: Twin): Promise<void> {
    const id = this.nextIdentifier()
    const [frame, matches] = this.twin(twin, id)
    await this.ask(frame, matches, `the ${twin} twin`)
  }

  /** The guest's counters of all that it has dropped, summed by layer. */
  async readDrops(): Promise<number> {
    const stream = await this.host.stack.connect({ hostname: '10.0.0.2', port: 80 })
    await stream.write(
      Buffer.from('GET /stats HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n'),
    )
    const chunk = new Uint8Array(65_536)
    let text = ''
    for (let count = await stream.read(chunk); count !== null; count = await stream.read(chunk)) {
      text += Buffer.from(chunk.subarray(0, count)).toString('latin1')
    }
    stream.close()
    const stats = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as StackReport & {
      readonly device: { readonly drops: Readonly<Record<string, number>> } | null
    }
    const dropped = Object.entries(stats.interface!).filter(([name]) => !WORK.test(name))
    const records = [stats.tcp!.drops, stats.udp!.drops, stats.device?.drops ?? {}]
    const others = records.flatMap((record) => Object.values(record) as number[])
    return [...dropped.map(([, count]) => count as number), ...others].reduce((a, b) => a + b, 0)
  }

  /** Opens a connection of the tester's to the echo service. */
  async converse(input: TcpInput): Promise<Conversation> {
    const sourcePort = this.port++
    const isn = input.initialSequence ?? 0
    const ends = { sourcePort, destinationPort: ECHO_PORT }
    const syn = tcp({ ...ends, sequence: isn, flags: Flag.Syn, options: input.synOptions ?? '' })
    const synAck = await this.ask(syn, isSegmentTo(sourcePort), 'the SYN')
    const { sequence: guestIsn } = decodeTcp(synAck)!
    const flags = flagsOf(synAck)
    if ((flags & (Flag.Syn | Flag.Ack)) !== (Flag.Syn | Flag.Ack)) {
      throw new Error(`Cannot open a connection: flags ${flags} came back`)
    }
    const conversation: Conversation = {
      ...{ ...ends, next: isn + 1, guestIsn },
      segment: (fields = {}) =>
        tcp({
          ...{ ...ends, sequence: isn + 1, acknowledgment: guestIsn + 1, flags: Flag.Ack },
          ...{ options: input.options ?? '', ...fields },
        }),
    }
    this.lan.send(conversation.segment())
    return conversation
  }

  /**
   * Sends the next octets of the stream until their echo has come, and returns the whole stream
   * that has come by then.
   */
  async echo(conversation: Conversation, before: string, payload: string): Promise<string> {
    const { sourcePort, guestIsn, next } = conversation
    const stream = new Map<number, string>()
    const collect = (frame: Buffer): void => {
      const segment = isSegmentTo(sourcePort)(frame) ? decodeTcp(frame)! : undefined
      if (segment === undefined || segment.payloadLength === 0) return
      const at = (segment.sequence - guestIsn - 1) >>> 0
      for (const [index, octet] of [...segment.payload].entries()) {
        stream.set(at + index, String.fromCharCode(octet))
      }
    }
    for (const frame of this.heard) collect(frame)
    const off = this.lan.onFrame(collect)
    const whole = (): string => {
      let text = ''
      for (let at = 0; stream.has(at); at++) text += stream.get(at)
      return text
    }
    const frame = conversation.segment({
      ...{ sequence: next + before.length, flags: Flag.Psh | Flag.Ack, payload },
    })
    try {
      // Again and again, as a sender does: a window that was closed may just have opened.
      const endMs = performance.now() + ANSWER_MS
      while (whole().length < before.length + payload.length && performance.now() < endMs) {
        this.lan.send(frame)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    } finally {
      off()
    }
    const end = { sequence: next + before.length + payload.length, flags: Flag.Rst }
    this.lan.send(conversation.segment(end))
    return whole()
  }

  private hear(frame: Buffer): void {
    if (frame.toString('hex', 0, 6) !== TESTER_MAC.replaceAll(':', '')) {
      // To everybody: a question about the tester is answered, as any host does.
      if (asksForTester4(frame)) this.lan.send(Buffer.from(reply('10.0.0.9', TESTER_MAC)))
      if (asksForTester6(frame)) this.lan.send(Buffer.from(advertisement()))
      return
    }
    if (asksForTester4(frame)) this.lan.send(Buffer.from(reply('10.0.0.9', TESTER_MAC)))
    else if (asksForTester6(frame)) this.lan.send(Buffer.from(advertisement()))
    else this.heard.push(frame)
  }

  /**
   * Two questions in a row: what the guest does after its first answer is done before the second.
   */
  private async fence(): Promise<void> {
    for (let count = 0; count < 2; count++) {
      const id = this.nextIdentifier()
      const [frame, matches] = this.twin('ping4', id)
      const answer = await this.ask(frame, matches, 'a ping between rows')
      this.heard = this.heard.filter((other) => other !== answer)
    }
  }

  private ask(
    frame: Uint8Array,
    matches: (frame: Buffer) => boolean,
    what: string,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        off()
        act()
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(`Cannot go on: no answer to ${what}`))),
        ANSWER_MS,
      )
      const off = this.lan.onFrame((candidate) => {
        if (matches(candidate)) settle(() => resolve(candidate))
      })
      this.lan.send(Buffer.from(frame))
    })
  }

  private twin(kind: Twin, id: number): [Uint8Array, (frame: Buffer) => boolean] {
    switch (kind) {
      case 'ping4':
        return [
          four({}, icmpv4(8, 0, id, [7])),
          (frame) => ECHOED4.matches(frame) && frame.readUInt32BE(38) === id,
        ]
      case 'ping6':
        return [
          six({}, icmpv6(TESTER6, 'fd00::2', 128, 0, concat(be32(id), [7]))),
          (frame) => ECHOED6.matches(frame) && frame.readUInt32BE(58) === id,
        ]
      case 'arp':
        return [
          question(),
          (frame) => frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2,
        ]
      case 'solicitation':
        return [discovery(), icmp6Answer(136, 0).matches]
      case 'udp4':
      case 'udp6': {
        const family = kind === 'udp4' ? 4 : 6
        const sourcePort = 20_000 + (id % 20_000)
        const at = family === 4 ? 36 : 56
        return [
          udp({ family, sourcePort, destinationPort: ECHO_PORT, payload: 'twin' }),
          (frame) =>
            (family === 4 ? isIpv4Of(17, frame) : isIpv6Of(17, frame)) &&
            frame.readUInt16BE(at) === sourcePort,
        ]
      }
      case 'tcp4':
      case 'tcp6': {
        const family = kind === 'tcp4' ? 4 : 6
        const sourcePort = this.port++
        return [
          tcp({ family, sourcePort, destinationPort: 1, sequence: 1, flags: Flag.Syn }),
          (frame) => decodeTcp(frame)?.destinationPort === sourcePort,
        ]
      }
    }
  }

  private nextIdentifier(): number {
    return 0x01000000 + this.identifier++
  }
}

/** Address and port that a SYN comes from; undefined of any other frame. */
function synSource(frame: Buffer): string | undefined {
  const { ip: packet, tcp: segment } = decode(frame)
  if (segment === undefined || packet === undefined) return undefined
  return segment.syn && !segment.ack ? `${packet.source} ${segment.sourcePort}` : undefined
}

/** Address and port that a SYN-ACK goes to; undefined of any other frame. */
function synAckDestination(frame: Buffer): string | undefined {
  const { ip: packet, tcp: segment } = decode(frame)
  if (segment === undefined || packet === undefined) return undefined
  return segment.syn && segment.ack ? `${packet.destination} ${segment.destinationPort}` : undefined
}

export function isSegmentTo(destinationPort: number) {
  return (frame: Buffer): boolean => decodeTcp(frame)?.destinationPort === destinationPort
}

function asksForTester4(frame: Buffer): boolean {
  return (
    frame.readUInt16BE(12) === 0x0806 &&
    frame.readUInt16BE(20) === 1 &&
    frame.toString('hex', 38, 42) === '0a000009'
  )
}

function asksForTester6(frame: Buffer): boolean {
  return (
    isIpv6Of(58, frame) &&
    frame[54] === 135 &&
    frame.subarray(62, 78).equals(Buffer.from(ip(TESTER6)))
  )
}

function advertisement(): Uint8Array {
  const body = concat(be32(0x60000000), ip(TESTER6), [2, 1], mac(TESTER_MAC))
  return discovery({ type: 136, destination: 'fd00::2', link: '52:54:00:12:34:56', body })
}

/** Counters of the interface that count work done, not something dropped. */
const WORK =
  /^(frames|bytes|packets)(Received|Sent|Delivered)|(Errors|Solicitations|Advertisements|Queries|Reports)(Sent|Delivered|Received)$|^(echoReplies|framePriorityTagged|neighborClaims|neighborMoves)$/
