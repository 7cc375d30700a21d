/** Counters of the network driver, plain fields so that the packet path can bump them. */

/** Why a received frame was thrown away. */
export type DropReason = 'runt' | 'checksumRange' | 'segmentationType' | 'segmentSize'

/** Frame length to its entry of a table of sizes: 8 KiB steps. */
export const SIZE_SHIFT = 13

/**
 * One entry more than a transmitted frame needs: the largest received one is a little above 64 KiB.
 */
export function emptySizes(): number[] {
  return [0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/** Of one pair of queues among several. */
export interface PairStatistics {
  receivedFrames: number
  transmittedFrames: number
}

export class VirtioNetStatistics {
  /** Pairs of queues that the device uses. */
  queuePairs = 1
  /** Received flows are spread over them as the guest has said (RSS). */
  isSteered = false
  /** What went by each of several pairs; empty when there is one. */
  readonly pairs: PairStatistics[] = []
  transmittedFrames = 0
  /** Ethernet headers included. */
  transmittedBytes = 0
  /**
   * Frames handed over for segmentation, by their length: entry i counts those of i * 8 KiB and
   * more, below the next.
   */
  readonly transmittedSuperSegmentSizes = emptySizes()
  largestTransmittedFrame = 0
  transmitNotifications = 0
  /** Of frames that the device had been told of and stood still with. */
  repeatedNotifications = 0
  /** Times submit found no room. */
  transmitQueueFull = 0
  receivedFrames = 0
  receivedBytes = 0
  /** Those of them in which the host had coalesced several segments. */
  receivedSuperSegments = 0
  readonly receivedSuperSegmentSizes = emptySizes()
  largestReceivedFrame = 0
  receivedFragments = 0
  receiveNotifications = 0
  interrupts = 0
  /** Times work was there although an interrupt was armed and none came. */
  missedInterrupts = 0
  configurationChanges = 0
  deviceResets = 0
  /**
   * Commands sent, those that found no answer in time, and by name those that the device refused.
   */
  controlCommands = 0
  controlTimeouts = 0
  readonly controlRefusals: Record<string, number> = {}
  /** Times the host asked the guest to announce itself. */
  announcements = 0
  readonly drops: Record<DropReason, number> = {
    runt: 0,
    checksumRange: 0,
    segmentationType: 0,
    segmentSize: 0,
  }
  /** What the device was caught at, by name, and how often. */
  readonly deviceViolations: Record<string, number> = {}

  get transmittedSuperSegments(): number {
    return this.transmittedSuperSegmentSizes.reduce((sum, count) => sum + count, 0)
  }

  /** For JSON, which leaves out what is computed. */
  toJSON(): object {
    return { ...this, transmittedSuperSegments: this.transmittedSuperSegments }
  }
}
