/** Counts, from outside, the frames a guest hands to its device, and finds the largest. */
import { Capture, type CapturePoint, type PcapFrame, readPcap } from 'qemu-runner'

export interface FrameCount {
  readonly frames: number
  readonly largest: number
}

/** Enough of a frame to see whose it is. */
const HEADER_BYTES = 64

/** Watches a TAP from `start` to `stop`. What the guest sends, the TAP receives: the kernel counts every one. */
export class TapWatch {
  private readonly point: CapturePoint
  private readonly path: string
  private readonly mac: string
  private readonly capture: Capture
  private readonly before: number

  private constructor(
    point: CapturePoint,
    path: string,
    mac: string,
    capture: Capture,
    before: number,
  ) {
    this.point = point
    this.path = path
    this.mac = mac
    this.capture = capture
    this.before = before
  }

  static async start(point: CapturePoint, path: string, mac: string): Promise<TapWatch> {
    // Headers only: what is wanted is the length, and the machine has better things to do.
    const capture = await Capture.start(point, path, { snapLength: HEADER_BYTES, mayLose: true })
    const { receivedPackets } = await point.namespace.interfaceStatistics(point.interfaceName)
    return new TapWatch(point, path, mac, capture, receivedPackets)
  }

  async stop(): Promise<FrameCount> {
    const { namespace, interfaceName } = this.point
    const { receivedPackets } = await namespace.interfaceStatistics(interfaceName)
    await this.capture.stop()
    const { largest } = countFrames(await readPcap(this.path), this.mac)
    return { frames: receivedPackets - this.before, largest }
  }
}

/** Frames sent by `mac`. */
export function countFrames(frames: readonly PcapFrame[], mac: string): FrameCount {
  const source = Buffer.from(mac.replaceAll(':', ''), 'hex')
  let count = 0
  let largest = 0
  for (const { bytes, length } of frames) {
    if (!bytes.subarray(6, 12).equals(source)) continue
    count++
    largest = Math.max(largest, length)
  }
  return { frames: count, largest }
}
