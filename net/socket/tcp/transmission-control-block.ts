/**
 * The variables of one connection (RFC 9293 §3.3.1): flat, since every packet reads and writes
 * them.
 */
import { ORDINARY_FIELDS } from '../../iface/flow-fields.ts'
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { Flow, FlowFields } from '../../iface/protocol-handler.ts'
import { Assembler } from '../../storage/assembler.ts'
import type { PayloadOwner } from '../../storage/buffer.ts'
import { RingBuffer } from '../../storage/ring-buffer.ts'
import { type IpAddress, ipv4Address } from '../../wire/ip-address.ts'
import { sequenceDifference } from '../../wire/sequence.ts'
import type { NetError, NetErrorCode } from '../net-error.ts'
import type { TcpConfiguration } from './configuration.ts'
import type { CongestionControl } from './congestion/congestion-control.ts'
import type { SackReporter } from './receive/sack-reporter.ts'
import type { LossRecovery } from './recovery/loss-recovery.ts'
import { RttEstimator } from './rtt-estimator.ts'
import type { SendLoan } from './send/send-loan.ts'
import { canTransition, TcpState, tcpStateName } from './state.ts'
import { createSocketStatistics, type TcpSocketStatistics } from './statistics.ts'

/** Most ranges of out-of-order data that one connection may hold whatever its buffer, */
const MAX_OUT_OF_ORDER_RANGES = 64
/**
 * and one for each so many octets of it: a full queue that drops every other segment leaves as many
 * as there are segments.
 */
const OUT_OF_ORDER_RANGE_BYTES = 1024

const NEVER = Number.POSITIVE_INFINITY

/** Of all that send nothing: no frame is counted on it. */
export const IDLE_OWNER: PayloadOwner = { framesInFlight: 0 }

/** Of a block that is no connection's. */
const NO_ADDRESS: IpAddress = ipv4Address(0)

/** The two sockets that name a connection (RFC 9293 §3.3.1). */
export interface ConnectionEnds {
  readonly localAddress: IpAddress
  readonly localPort: number
  readonly remoteAddress: IpAddress
  readonly remotePort: number
  /** The interface whose address the local one is. */
  readonly interfaceIndex: number
}

/**
 * Read only outside of net/socket/tcp. Each block says which rooms of that folder write it: `user`
 * is tcp-socket.ts and linger.ts, `timers` is timers.ts, `protocol` the other files at the top.
 * test/architecture.test.ts holds every file to it.
 */
export class TransmissionControlBlock {
  // --- What it is and to whom it belongs. Written by: open, memory, timers, protocol.
  state: TcpState = TcpState.Closed
  readonly configuration: TcpConfiguration
  readonly statistics: TcpSocketStatistics = createSocketStatistics()
  /**
   * One that all share, and nobody writes, before there is something to send and while the
   * connection is idle.
   */
  congestion: CongestionControl
  readonly rtt: RttEstimator
  readonly ipVersion: 4 | 6 = 4
  readonly interfaceIndex: number = 0
  /** The link of a link-local peer: NO_INTERFACE where it is that of the local address. */
  peerZone = NO_INTERFACE
  readonly localAddress: IpAddress = NO_ADDRESS
  readonly localPort: number = 0
  readonly remoteAddress: IpAddress = NO_ADDRESS
  readonly remotePort: number = 0
  /** Null before a handshake needs it, and while the connection is idle. */
  flow: Flow | null = null
  /** MUST-11: how the connection was opened. */
  readonly isPassive: boolean = false
  error: NetError | null = null
  /** The last soft error that ICMP reported (MUST-47); it never ends the connection. */
  softError: NetErrorCode | null = null

  // --- Where it is filed: the table of connections, the ready list, the queue of deadlines.
  // Written by: open, protocol.
  readonly receivedPorts: number = 0
  readonly sentPorts: number = 0
  readonly remote3: number = 0
  readonly local3: number = 0
  tableHash = 0
  isInTable = false
  isReady = false
  scheduledDeadlineMs = NEVER
  scheduledIndex = -1

  // --- Send sequence space. Written by: open, receive, recovery, send.
  //                 1         2          3          4
  //            ----------|----------|----------|----------
  //                   SND.UNA    SND.NXT    SND.UNA
  //                                        +SND.WND
  //  1 acknowledged   2 in flight   3 may be sent now   4 beyond the peer's window
  /** ISS. */
  initialSendSequence = 0
  /** SND.UNA. */
  sendUnacknowledged = 0
  /** SND.NXT. */
  sendNext = 0
  /** The highest SND.NXT ever: SND.NXT goes back to SND.UNA on a timeout. */
  sendMax = 0
  /** SND.WND. */
  sendWindow = 0
  /** SND.WL1. */
  sendWindowSequence = 0
  /** SND.WL2. */
  sendWindowAcknowledgment = 0
  maxSendWindow = 0

  // --- What is queued to be sent, and how it is cut. Written by: memory, open, protocol, receive,
  // send, user.
  readonly sendBuffer = new RingBuffer()
  /** What of the send queue lies elsewhere. */
  loan: SendLoan | null = null
  /**
   * How many bytes may be queued; grows with the congestion window. Memory is behind them only as
   * far as bytes are queued.
   */
  sendLimit: number
  /** How many more may be queued now. */
  sendSpace: number
  /** Effective send MSS: options are already subtracted. */
  segmentSize = 536
  peerMss = 536
  /** Largest payload of a frame, super-segments included. */
  frameLimit = 536
  /** Bytes that planSegment would let go now, in however many frames; 0 = one segment at a time. */
  plannedBytes = 0
  /** Path MTU that segmentSize and frameLimit were computed from. */
  plannedMtu = 0
  isFinQueued = false
  isWriteBlocked = false
  /** The user's last write found no memory. */
  isShortOfMemory = false
  noDelay = false
  /**
   * Frames of many segments may be given away, for the device or software below TCP to cut; the
   * segments are the same without.
   */
  segmentationOffload = true

  // --- Which frames the device may still read. Written by: memory, open, receive, send.
  /**
   * Frames in flight of two ages. Frames are counted on `owner`; when an ACK moves SND.UNA and the
   * older owner is idle, the roles change and SND.UNA is noted in `releaseMark`. Every frame that
   * covers bytes before the mark was counted on the owner that is now the older one, so once that
   * is idle too those bytes may be overwritten, in whatever order the device completes frames.
   */
  owner: PayloadOwner = IDLE_OWNER
  olderOwner: PayloadOwner = IDLE_OWNER
  releaseMark = 0
  /** Acknowledged bytes wait for the device before they may be overwritten. */
  isReleaseDue = false

  // --- Where the queues were when the memory behind them was last looked at, not a number before.
  // Written by: memory.
  /** It is among those that are looked at. */
  isHolder = false
  sweptSendEnd = Number.NaN
  sweptReadPosition = Number.NaN

  // --- Loss recovery: see recovery/. Written by: congestion, memory, open, protocol, receive,
  // recovery, send, timers.
  /** Both SYNs have permitted them (RFC 2018 §2). */
  hasSelectiveAcks = false
  /** Made when data is in flight that was not all sent at once, or an ACK reports something. */
  recovery: LossRecovery | null = null
  /** When the data in flight was sent, as long as there is no recovery. */
  flightStartMs = 0
  /**
   * Of what lies between SND.UNA and SND.NXT, bytes that are not in the network: SACKed, or lost
   * and not sent again.
   */
  outOfFlightBytes = 0
  /** Where recovery ends (RFC 6582 `recover`). */
  recoverSequence = 0
  duplicateAcks = 0
  isRetransmitPending = false
  isTailProbeDue = false

  // --- Explicit congestion notification and pacing: see congestion/. Written by: congestion, open,
  // receive, send.
  hasExplicitCongestion = false
  /** None of our SYNs was without it: what is sent may be marked. */
  mayBeMarked = true
  /** ECE while the peer has to be told of a mark, else 0: part of every segment. */
  echoFlag = 0
  /** The peer has to be told that the window was reduced. */
  isReductionDue = false
  isPaced = false
  /** Rate of the last burst, 0 = not paced. */
  pacingBytesPerMs = 0
  /** When what was sent so far would have left at that rate. */
  pacingNextMs = 0
  /** How fast SND.UNA moved during the last round trip that was timed. */
  deliveryBytesPerMs = 0

  // --- Receive sequence space. Written by: open, receive, send.
  //                     1          2          3
  //                 ----------|----------|----------
  //                        RCV.NXT    RCV.NXT
  //                                  +RCV.WND
  //  1 received in order   2 the window we offer   3 beyond it
  /** IRS. */
  initialReceiveSequence = 0
  /** RCV.NXT. */
  receiveNext = 0
  /** Right edge of the window as last advertised: RCV.NXT + RCV.WND of the latest segment sent. */
  advertisedEdge = 0
  /** Last.ACK.sent. RCV.NXT in the last ACK sent. */
  lastAcknowledged = 0
  /** Sequence number of a FIN that has arrived, in order or not. */
  hasFin = false
  finSequence = 0
  isPeerFinished = false
  /** RCV.UP: the sequence number after the peer's urgent data; null before there was any. */
  urgentEdge: number | null = null

  // --- What was received and waits. Written by: memory, open, protocol, receive, send, user.
  readonly receiveBuffer = new RingBuffer()
  /** Bytes in order and not yet read. */
  receivedLength = 0
  /**
   * How far the window reaches beyond what is read, if memory allows; grows with what the user
   * reads in a round-trip time.
   */
  receiveLimit: number
  /** Read position and time at which the user began to read the half window that is being timed. */
  tuningStart = 0
  tuningStartMs = 0
  /** Out-of-order ranges; made when first needed. */
  assembler: Assembler | null = null
  /** What our ACKs have to report of them, or of data that came twice; null = nothing. */
  sackReporter: SackReporter | null = null
  /** Largest payload of one segment seen from the peer, for the every-second-segment rule. */
  peerSegmentSize = 536
  /** close() was called: nobody will read what comes. */
  isReceiveClosed = false

  // --- The header of the next segment. Written by: open, receive, reply, send.
  /** Rcv.Wind.Shift. */
  receiveScale = 0
  /** The window field last sent, and the read position it was computed for. */
  windowField = 0
  windowStart = 0
  /**
   * Word 3 of the header last sent: data offset, flags, window. 0 = the flow has none of ours yet.
   */
  headerWord = 0

  // --- Options that both SYNs have agreed on, and what follows of them. Written by: open,
  // protocol, receive.
  /** Snd.Wind.Shift. */
  sendScale = 0
  hasTimestamps = false
  timestampOffset = 0
  /** TS.Recent. */
  timestampRecent = 0
  hasWindowScaling = false
  /** Word 3 of the header, without window and PSH, that header prediction expects. */
  predictedWord = 0

  // --- What is due at its next turn. Written by: memory, open, protocol, receive, send, timers,
  // user.
  events = 0
  isAckDue = false
  isSynDue = false
  isProbePending = false
  isKeepAliveDue = false

  // --- Timers, and the round trip that is being timed. Written by: congestion, open, protocol,
  // receive, recovery, send, timers, user.
  isTimingSegment = false
  timedSequence = 0
  timedAtMs = 0
  /** SND.UNA when the timed segment was sent. */
  timedFromSequence = 0
  retransmitDeadlineMs = NEVER
  delayedAckDeadlineMs = NEVER
  /**
   * So many segments are acknowledged without delay: the peer repairs a loss, and its window is
   * small.
   */
  quickAcks = 0
  /** RACK's reordering timer, or the tail loss probe's (RFC 8985). */
  lossDeadlineMs = NEVER
  pacingDeadlineMs = NEVER
  /** Keep-alive. */
  idleDeadlineMs = NEVER
  releaseDeadlineMs = NEVER
  /**
   * When the data now unacknowledged was first sent, or was first to be sent, or an ACK last moved
   * SND.UNA.
   */
  progressMs = 0
  /** With nothing in flight, what comes next could not leave so far: see send/departure.ts. */
  isHeldBack = false
  /** When an acceptable segment last arrived. */
  lastReceivedMs = 0
  lastSentMs = 0
  /** Timeouts in a row for the same data. */
  timeouts = 0
  /** How many of them had been when the first was a probe's of the window, while there are more. */
  timeoutsBeforeProbes = 0
  challengeAckAllowedMs = 0
  isSynLost = false
  /** Sent again for another reason than the timer. */
  isSynRepeated = false

  // --- What its user wants. Written by: open, protocol, receive, timers, user.
  /** The user is gone, after its last word: see linger. */
  isLingering = false
  /** Something came that nobody has read. */
  isTextLost = false
  userTimeoutMs: number
  /** What its IP headers say: of its path, and of the next one once that is given up. */
  ipFields: FlowFields = ORDINARY_FIELDS
  keepAliveIdleMs = 0
  keepAliveProbesSent = 0

  /** A blank one, of which connections have copies: see open/socket-factory.ts. */
  constructor(configuration: TcpConfiguration, congestion: CongestionControl) {
    this.configuration = configuration
    this.sendLimit = Math.min(configuration.initialBufferBytes, configuration.sendBufferBytes)
    this.sendSpace = this.sendLimit
    this.receiveLimit = Math.min(configuration.initialBufferBytes, configuration.receiveBufferBytes)
    this.congestion = congestion
    this.rtt = new RttEstimator(configuration)
    this.userTimeoutMs = configuration.userTimeoutMs
  }

  /** The only way a state changes. */
  transition(to: TcpState): void {
    if (!canTransition(this.state, to)) refuseTransition(this.state, to)
    this.state = to
  }

  /** True once the peer's SYN has been seen, so that every segment carries an ACK. */
  hasPeerSequence(): boolean {
    return this.state !== TcpState.SynSent && this.state !== TcpState.Closed
  }

  /**
   * The window offered with a SYN, which is not scaled: a promise that costs no memory before data
   * comes.
   */
  initialWindow(): number {
    return Math.min(this.receiveLimit, 65535)
  }

  /**
   * MUST-33: how many bytes are left to read, come or not, until the end of the peer's urgent data;
   * 0 = there is none.
   */
  urgentLength(): number {
    const { urgentEdge } = this
    return urgentEdge === null
      ? 0
      : Math.max(0, sequenceDifference(urgentEdge, this.readPosition()))
  }

  /** The sequence number of the next byte that the user reads. */
  readPosition(): number {
    const end = this.isPeerFinished ? sequenceDifference(this.receiveNext, 1) : this.receiveNext
    return sequenceDifference(end, this.receivedLength)
  }

  /** The out-of-order ranges, made on first use. */
  outOfOrder(): Assembler {
    if (this.assembler === null) this.assembler = new Assembler(MAX_OUT_OF_ORDER_RANGES)
    const { assembler, receiveBuffer } = this
    const ranges = (receiveBuffer.capacity / OUT_OF_ORDER_RANGE_BYTES) | 0
    // A buffer that shrinks leaves the ranges as they are.
    if (ranges > assembler.maxRanges) assembler.maxRanges = ranges
    return assembler
  }

  /** True while more may be queued with send. */
  canSend(): boolean {
    return (
      !this.isFinQueued &&
      (this.state === TcpState.Established ||
        this.state === TcpState.CloseWait ||
        this.state === TcpState.SynSent ||
        this.state === TcpState.SynReceived)
    )
  }
}

/** Apart, so that what changes a state is small. */
function refuseTransition(from: TcpState, to: TcpState): never {
  throw new Error(`Cannot enter ${tcpStateName(to)}: state is ${tcpStateName(from)}`)
}
