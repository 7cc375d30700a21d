/** Both halves of the device as the driver has them, of one pair of queues or of several. */
import type {
  FrameJoiner,
  FrameLookahead,
  ReceiveHalf,
  TransmitHalf,
} from '../../../net/phy/net-device.ts'
import type { UsedWord } from '../virtqueue.ts'

export interface DeviceReceiveHalf extends ReceiveHalf, FrameLookahead {
  readonly lookahead: FrameLookahead
  joiner: FrameJoiner | null
  /** Something was received and not handed out. */
  readonly hasReceived: boolean
  /** Posts every buffer; the queue is empty after a reset. `publish` follows once it is live. */
  postAll(): void
  publish(): void
  /** False: something was received already. */
  armInterrupts(): boolean
  disarmInterrupts(): void
  /** Null when something was received already. */
  watch(): UsedWord | null
}

export interface DeviceTransmitHalf extends TransmitHalf {
  /** After a device reset nothing is in flight: payload owners may reuse their memory. */
  takeBackAll(): void
}
