/** Writes one line of text for every frame that passes. */
import { formatFrame } from '../wire/frame-text.ts'
import { DeviceMiddleware } from './device-middleware.ts'
import type { NetDevice, ReceivedFrame, TransmitFrame } from './net-device.ts'

export class Tracer extends DeviceMiddleware {
  private readonly log: (line: string) => void

  constructor(device: NetDevice, log: (line: string) => void) {
    super(device)
    this.log = log
  }

  override commitTransmit(frame: TransmitFrame): void {
    const length = frame.headerLength + frame.payload0Length + frame.payload1Length
    const { view } = frame.header
    // A small packet may be in the header buffer as a whole; payload ranges are only counted.
    const text = formatFrame(view, frame.headerOffset, frame.headerLength, length)
    const size = frame.meta.segmentationOffloadSize
    this.log(`tx ${text}${size > 0 ? ` segments of ${size}` : ''}`)
    this.device.commitTransmit(frame)
  }

  override receive(frame: ReceivedFrame): boolean {
    if (!this.device.receive(frame)) return false
    const first = frame.fragments[0]!
    const text = formatFrame(first.buffer.view, first.offset, first.length, frame.length)
    const size = frame.meta.segmentSize
    this.log(`rx ${text}${size > 0 ? ` coalesced of ${size}` : ''}`)
    return true
  }
}
