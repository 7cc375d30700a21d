/** What a capture asks of whoever knows why a frame was sent, and what became of a received one. */
import type { ReceivedFrame } from '../phy/net-device.ts'
import type { TransmitRecord } from '../phy/transmit-record.ts'

export interface FrameCommentator {
  /**
   * Called before the device gets the frame, when nothing has been counted for it yet. Empty =
   * nothing to say.
   */
  commentTransmit(record: TransmitRecord): string
  /** The stack is about to look at a frame. */
  beginReceive(): void
  /**
   * The stack has decided about the frame, whose buffers are still valid. Empty = nothing to say.
   */
  commentReceive(frame: ReceivedFrame): string
  /** What has been counted up to now says nothing about the next frame. */
  settleReceive(): void
}
