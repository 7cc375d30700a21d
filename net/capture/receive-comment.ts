/** Says what became of a received packet, from the counters and the connection it has moved. */

import type { Stack } from '../api/stack.ts'
import type { Interface } from '../iface/interface.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import { sequenceDifference } from '../wire/sequence.ts'
import { createTcpHeader, parseTcp, TcpFlag } from '../wire/tcp.ts'
import type { CapturedSegment } from './captured-segment.ts'
import {
  interfaceTexts,
  tcpDropTexts,
  tcpTexts,
  udpDropTexts,
  udpTexts,
} from './counter-explanations.ts'
import { CounterWatch } from './counter-watch.ts'

type Counters = Readonly<Record<string, number>>
type Texts = Readonly<Record<string, string>>

/** What a connection had counted when its last packet of the slow path was done with. */
interface Memory {
  duplicateAcks: number
  outOfOrderSegments: number
  fastRetransmits: number
}

const OUT_OF_WINDOW = '[tcp.drops.outOfWindow]'
const MALFORMED = '[tcp.drops.malformed]'

export class ReceiveComments {
  private readonly watches: readonly CounterWatch[]
  private readonly memories = new WeakMap<TcpSocket, Memory>()
  private readonly header = createTcpHeader()

  constructor({ tcp, udp }: Stack, iface: Interface) {
    const watch = (counters: object, texts: object, path: string) =>
      new CounterWatch(counters as Counters, texts as Texts, path)
    this.watches = [
      watch(iface.counters, interfaceTexts(), 'interface'),
      watch(tcp.statistics, tcpTexts(), 'tcp'),
      watch(tcp.statistics.drops, tcpDropTexts(), 'tcp.drops'),
      watch(udp.statistics, udpTexts(), 'udp'),
      watch(udp.statistics.drops, udpDropTexts(), 'udp.drops'),
    ]
  }

  /**
   * For a packet that did not take the fast path; `socket` is its connection, if that still lives.
   */
  describe(view: DataView, segment: CapturedSegment | null, socket: TcpSocket | null): string {
    const texts: string[] = []
    for (const watch of this.watches) watch.collect(texts)
    if (segment !== null) {
      this.refine(texts, view, segment, socket)
      if (socket !== null) this.describeConnection(texts, segment, socket)
    }
    return texts.join('; ')
  }

  settle(): void {
    for (const watch of this.watches) watch.settle()
  }

  /** Two counters stand for more than one thing: the segment itself tells which it is. */
  private refine(
    texts: string[],
    view: DataView,
    segment: CapturedSegment,
    socket: TcpSocket | null,
  ): void {
    const malformed = texts.findIndex((text) => text.endsWith(MALFORMED))
    if (malformed >= 0) {
      const { header } = this
      const isWhole = parseTcp(view, segment.transport, segment.transportLength, header)
      if (isWhole && header.optionsMalformed) {
        texts[malformed] = `malformed TCP options, which are ignored ${MALFORMED}`
      }
    }
    const outOfWindow = texts.findIndex((text) => text.endsWith(OUT_OF_WINDOW))
    if (outOfWindow < 0 || socket === null) return
    const { payloadLength, sequence, flags } = segment
    if ((flags & (TcpFlag.Rst | TcpFlag.Syn)) !== 0) return
    const length = payloadLength + ((flags & TcpFlag.Fin) !== 0 ? 1 : 0)
    const end = (sequence + length - socket.receiveNext) | 0
    if (length > 0 && end <= 0) {
      texts[outOfWindow] = `dropped: all of it was received before ${OUT_OF_WINDOW}`
    } else if (length === 0 && end === -1) {
      texts[outOfWindow] = `keep-alive of the peer, which is answered ${OUT_OF_WINDOW}`
    }
  }

  private describeConnection(texts: string[], segment: CapturedSegment, socket: TcpSocket): void {
    const { duplicateAcks, outOfOrderSegments, fastRetransmits } = socket.statistics
    const memory = this.memories.get(socket)
    if (memory === undefined) {
      this.memories.set(socket, { duplicateAcks, outOfOrderSegments, fastRetransmits })
    }
    if (duplicateAcks !== (memory?.duplicateAcks ?? 0)) {
      const starts = fastRetransmits !== (memory?.fastRetransmits ?? 0)
      const what = starts ? ': a fast retransmit follows' : ''
      texts.push(`duplicate ACK #${socket.duplicateAcks}${what}`)
    }
    if (outOfOrderSegments !== (memory?.outOfOrderSegments ?? 0)) {
      const gap = sequenceDifference(segment.sequence, socket.receiveNext)
      texts.push(`out of order: ${gap} octets are missing before it`)
    }
    if (memory === undefined) return
    memory.duplicateAcks = duplicateAcks
    memory.outOfOrderSegments = outOfOrderSegments
    memory.fastRetransmits = fastRetransmits
  }
}
