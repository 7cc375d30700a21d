/**
 * Watches the senders of a simulation after each of its polls: the record of what is in flight is
 * exact, and nobody waits for nothing.
 */
import { NeighborEntry } from '../../net/iface/neighbor-entry.ts'
import { TcpState } from '../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../net/socket/tcp/tcp-socket.ts'
import { sequenceDifference } from '../../net/wire/sequence.ts'
import type { TwoStacks } from './two-stacks.ts'

/** What a socket's counters were after the last poll. */
interface Counted {
  timeouts: number
  segments: number
}

export interface SenderWatch {
  /** Each kind once, with what was seen. */
  readonly violations: string[]
}

/** Looks at the sockets that `sockets` names at the time. */
export function watchSenders(stacks: TwoStacks, sockets: () => (TcpSocket | null)[]): SenderWatch {
  const violations: string[] = []
  const kinds = new Set<string>()
  const counted = new Map<TcpSocket, Counted>()
  const report = (socket: TcpSocket, kind: string) => {
    if (kinds.has(kind)) return
    kinds.add(kind)
    violations.push(`${kind} at ${stacks.clock.nowMs.toFixed(1)} ms: ${describe(socket)}`)
  }
  stacks.onPolled = () => {
    for (const socket of sockets()) {
      if (socket === null || socket.state < TcpState.Established) continue
      checkRecord(socket, report)
      checkWaiting(socket, report)
      const { retransmitTimeouts, segmentsSent } = socket.statistics
      const before = counted.get(socket)
      // One that waits for the device or for a neighbor has its turn later.
      if (before !== undefined && retransmitTimeouts > before.timeouts && !hasToWait(socket)) {
        if (segmentsSent === before.segments) report(socket, 'a timeout has sent nothing')
      }
      if (!hasToWait(socket)) {
        counted.set(socket, { timeouts: retransmitTimeouts, segments: segmentsSent })
      }
    }
  }
  return { violations }
}

/** Its turn comes, for want of the device; or it waits for a neighbor that is not known. */
function hasToWait({ isReady, flow }: TcpSocket): boolean {
  return isReady || (flow?.neighbor instanceof NeighborEntry && !flow.neighbor.isUsable())
}

type Report = (socket: TcpSocket, kind: string) => void

/** The scoreboard covers [SND.UNA, SND.NXT), and its sums are those of what it says. */
function checkRecord(socket: TcpSocket, report: Report): void {
  const { recovery, sendUnacknowledged, sendNext, outOfFlightBytes } = socket
  const flight = sequenceDifference(sendNext, sendUnacknowledged)
  if (outOfFlightBytes < 0 || outOfFlightBytes > flight) {
    report(socket, 'more is out of flight than in flight')
  }
  if (recovery === null || !recovery.isActive) return
  const { board } = recovery
  if (board.runCount === 0) {
    if (flight !== 0) report(socket, 'nothing is known of what is in flight')
    return
  }
  if (board.start !== sendUnacknowledged) report(socket, 'the record begins elsewhere')
  if (board.runEnd(board.runCount - 1) !== sendNext) report(socket, 'the record ends elsewhere')
  if (board.sackedBytes + board.lostBytes !== outOfFlightBytes) {
    report(socket, 'the sums differ')
  }
}

/**
 * What is unacknowledged or may be sent has a timer; with nothing in the network and room in the
 * window it does not wait at all.
 */
function checkWaiting(socket: TcpSocket, report: Report): void {
  const { sendUnacknowledged, sendNext, sendMax, isFinQueued } = socket
  if (!Number.isFinite(socket.pacingNextMs)) report(socket, 'the pause has no end')
  const end = socket.sendBuffer.end
  const unsent = Math.max(0, sequenceDifference(end, sendNext))
  const outstanding = sequenceDifference(sendMax, sendUnacknowledged)
  const isFinUnsent = isFinQueued && sequenceDifference(sendMax, end) <= 0
  if (hasToWait(socket) || (outstanding === 0 && unsent === 0 && !isFinUnsent)) return
  const { retransmitDeadlineMs, pacingDeadlineMs } = socket
  if (retransmitDeadlineMs === Number.POSITIVE_INFINITY && !Number.isFinite(pacingDeadlineMs)) {
    report(socket, 'data waits without a timer')
  }
  const pipe = sequenceDifference(sendNext, sendUnacknowledged) - socket.outOfFlightBytes
  const lost = socket.recovery?.board.lostBytes ?? 0
  const isOpen = socket.sendWindow >= outstanding + socket.segmentSize
  if (pipe === 0 && lost + unsent > 0 && isOpen) {
    report(socket, 'nothing is in the network, and nothing is sent')
  }
}

function describe(socket: TcpSocket): string {
  const from = socket.initialSendSequence
  const relative = (sequence: number) => sequenceDifference(sequence, from)
  const board = socket.recovery?.board
  return [
    `SND.UNA ${relative(socket.sendUnacknowledged)}`,
    `SND.NXT ${relative(socket.sendNext)}`,
    `SND.MAX ${relative(socket.sendMax)}`,
    `end ${relative(socket.sendBuffer.end)}`,
    `window ${socket.sendWindow}`,
    `cwnd ${socket.congestion.windowBytes}`,
    `segment ${socket.segmentSize}`,
    `sacked ${board?.sackedBytes}`,
    `lost ${board?.lostBytes}`,
    `record from ${board === undefined ? 0 : relative(board.start)}`,
    `recovery ${socket.congestion.inRecovery}`,
    `timeouts ${socket.timeouts}`,
  ].join(', ')
}
