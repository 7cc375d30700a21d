/** Writes one line of text for every frame that passes. */
import { formatFrame } from '../wire/frame-text.ts'
import type { NetDevice, ReceivedFrame, ReceiveHalf, TransmitHalf } from './net-device.ts'
import { frameLength, type TransmitRecord } from './transmit-record.ts'

/** The device with every frame told to `log`. */
export function traced(device: NetDevice, log: (line: string) => void): NetDevice {
  const { capabilities, hardwareAddress, link } = device
  return {
    capabilities,
    hardwareAddress,
    link,
    tx: new TransmitTracer(device.tx, log),
    rx: new ReceiveTracer(device, log),
  }
}

class TransmitTracer implements TransmitHalf {
  private readonly inner: TransmitHalf
  private readonly log: (line: string) => void

  constructor(inner: TransmitHalf, log: (line: string) => void) {
    this.inner = inner
    this.log = log
  }

  submit(record: TransmitRecord): boolean {
    if (!this.inner.submit(record)) return false
    const { view, headerLength, meta } = record
    // A small packet may be all header; payload is only counted.
    const text = formatFrame(view, 0, headerLength, frameLength(record))
    const size = meta.segmentationOffloadSize
    this.log(`tx ${text}${size > 0 ? ` segments of ${size}` : ''}`)
    return true
  }

  flush(): void {
    this.inner.flush()
  }

  reclaim(): void {
    this.inner.reclaim()
  }
}

class ReceiveTracer implements ReceiveHalf {
  private readonly inner: NetDevice
  private readonly log: (line: string) => void

  constructor(inner: NetDevice, log: (line: string) => void) {
    this.inner = inner
    this.log = log
  }

  receive(frame: ReceivedFrame): boolean {
    if (!this.inner.rx.receive(frame)) return false
    const first = frame.fragments[0]!
    const text = formatFrame(first.buffer.view, first.offset, first.length, frame.length)
    const size = frame.meta.segmentSize
    this.log(`rx ${text}${size > 0 ? ` coalesced of ${size}` : ''}`)
    return true
  }

  release(frame: ReceivedFrame): void {
    this.inner.rx.release(frame)
  }
}
