/** A driver that asks the joiner, on a device that gives all frames at once. */
import { expect } from 'vitest'
import { SegmentJoiner } from '../../net/phy/segment-joiner.ts'
import { fakeBulk } from '../fakes/fake-bulk.ts'
import { pseudoHeaderSum } from '../fakes/fake-segmentation.ts'
import { internetSum } from '../fakes/internet-sum.ts'
import { bytesOf, createReceivedFrame, openNet } from '../fakes/open-devices.ts'

export interface Given {
  readonly bytes: Uint8Array
  readonly segmentSize: number
  readonly checksumVerified: boolean
}

/** Until all 256 buffers are shown. */
const BURSTS = 4

export class JoinerLab {
  readonly joiner = new SegmentJoiner(fakeBulk)
  readonly open = openNet()

  constructor() {
    // A device is shown more buffers each time that it has used most of them at once.
    const frame = createReceivedFrame()
    const { device, net } = this.open
    for (let bursts = 0; bursts < BURSTS; bursts++) {
      while (device.deliver(new Uint8Array(60), {}));
      while (net.rx.receive(frame)) net.rx.release(frame)
    }
    net.rx.joiner = this.joiner
  }

  /** All frames that come of these. */
  give(frames: readonly Uint8Array[], checksumVerified = false, segmentSize = 0): Given[] {
    const { device, net } = this.open
    for (const bytes of frames) {
      const start = bytes[12] === 8 ? 34 : 54
      const gsoType = bytes[12] === 8 ? 1 : 4
      const coalesced = {
        ...{ gsoType, gsoSize: segmentSize, headerLength: start + 20 },
        partialChecksum: { start, offset: 16 },
      }
      const meta = segmentSize === 0 ? { checksumValid: checksumVerified } : coalesced
      expect(device.deliver(bytes, meta)).toBe(true)
    }
    const given: Given[] = []
    const frame = createReceivedFrame()
    while (net.rx.receive(frame)) {
      const { segmentSize, checksumVerified: isVerified } = frame.meta
      given.push({ bytes: bytesOf(frame), segmentSize, checksumVerified: isVerified })
      net.rx.release(frame)
    }
    return given
  }
}

/** Both checksums of a frame that was changed. */
export function completeAnew(frame: Uint8Array, ipVersion: 4 | 6): void {
  const start = ipVersion === 4 ? 34 : 54
  const view = new DataView(frame.buffer)
  if (ipVersion === 4) {
    view.setUint16(24, 0)
    view.setUint16(24, ~internetSum(frame, 14, 20) & 0xffff)
  }
  const length = frame.length - start
  view.setUint16(start + 16, 0)
  const sum = internetSum(frame, start, length, pseudoHeaderSum(frame, 6, length))
  view.setUint16(start + 16, ~sum & 0xffff)
}
