/**
 * Counts, from outside, the frames that carry the data between guest and device, and finds the
 * largest.
 */
import { Capture, type CapturePoint, type PcapFrame, readPcap } from 'qemu-runner'

export interface FrameCount {
  readonly frames: number
  readonly largest: number
}

/** `sent`: handed to the device by the guest. `received`: taken from it. */
export type FrameDirection = 'sent' | 'received'

/** Enough of a frame to see whose it is. */
const HEADER_BYTES = 64

/**
 * Watches a TAP from `start` to `stop`. What the guest sends, the TAP receives: the kernel counts
 * every one.
 */
export class TapWatch {
  private readonly point: CapturePoint
  private readonly direction: FrameDirection
  private readonly path: string
  private readonly capture: Capture
  private readonly before: number

  private constructor(
    point: CapturePoint,
    direction: FrameDirection,
    path: string,
    capture: Capture,
    before: number,
  ) {
    this.point = point
    this.direction = direction
    this.path = path
    this.capture = capture
    this.before = before
  }

  static async start(
    point: CapturePoint,
    direction: FrameDirection,
    path: string,
  ): Promise<TapWatch> {
    // Headers only: what is wanted is the length, and the machine has better things to do.
    const capture = await Capture.start(point, path, { snapLength: HEADER_BYTES, mayLose: true })
    return new TapWatch(point, direction, path, capture, await count(point, direction))
  }

  /** `mac` is the guest's. */
  async stop(mac: string): Promise<FrameCount> {
    const after = await count(this.point, this.direction)
    await this.capture.stop()
    const { largest } = countFrames(await readPcap(this.path), mac, this.direction)
    return { frames: after - this.before, largest }
  }
}

async function count(point: CapturePoint, direction: FrameDirection): Promise<number> {
  const statistics = await point.namespace.interfaceStatistics(point.interfaceName)
  return direction === 'sent' ? statistics.receivedPackets : statistics.sentPackets
}

/** Frames that the guest, whose address is `mac`, sent or received. */
export function countFrames(
  frames: readonly PcapFrame[],
  mac: string,
  direction: FrameDirection,
): FrameCount {
  const address = Buffer.from(mac.replaceAll(':', ''), 'hex')
  const at = direction === 'sent' ? 6 : 0
  let number = 0
  let largest = 0
  for (const { bytes, length } of frames) {
    if (!bytes.subarray(at, at + 6).equals(address)) continue
    number++
    largest = Math.max(largest, length)
  }
  return { frames: number, largest }
}
