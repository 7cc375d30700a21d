/**
 * Judges TCP segmentation offload from captures: what was handed to the device, and what came out
 * on the wire.
 */
import { type DecodedFrame, decodeFrame } from './decode-frame.ts'
import type { PcapFrame } from './pcap-file.ts'

export interface SegmentationVerdict {
  /** One line a broken rule, the first hundred. */
  readonly violations: readonly string[]
  readonly dataFrames: number
  readonly payloadBytes: number
  /** Of frames with payload, Ethernet header included. */
  readonly largestFrame: number
  /** Payload lengths seen, with how often. */
  readonly payloadHistogram: ReadonlyMap<number, number>
}

const MAX_VIOLATIONS = 100
const ETHERNET_HEADER = 14
const MIN_FRAME = 60
const MAX_SUPER_FRAME = 65535

interface Judgment {
  readonly source: string
  /** Called for every frame from `source` with a TCP header; returns what is wrong. */
  readonly rule: (frame: DecodedFrame) => string[]
}

/**
 * The frames of `source` as they must look on a wire: complete and right checksums, no frame over
 * the MTU, no fragment, true lengths. `deviceFrames`, the same traffic before segmentation, tells
 * where FIN and PSH may be: only at the end of a frame that carried them.
 */
export function judgeSegments(
  frames: readonly PcapFrame[],
  options: { source: string; mtu: number; deviceFrames?: readonly PcapFrame[] },
): SegmentationVerdict {
  const ends =
    options.deviceFrames === undefined ? undefined : flagEnds(options.deviceFrames, options.source)
  const rule = (frame: DecodedFrame): string[] => {
    const problems = commonProblems(frame)
    const { ip, tcp } = frame
    if (ip === undefined || tcp === undefined) return problems
    if (frame.length - ETHERNET_HEADER > options.mtu) {
      problems.push(
        `packet of ${frame.length - ETHERNET_HEADER} bytes exceeds the MTU ${options.mtu}`,
      )
    }
    if (tcp.checksum !== 'good') problems.push(`TCP checksum is ${tcp.checksum}`)
    if (ends !== undefined && (tcp.psh || tcp.fin)) {
      const end = endKey(frame)
      if (tcp.psh && !ends.psh.has(end)) problems.push('PSH before the end of its super-segment')
      if (tcp.fin && !ends.fin.has(end)) problems.push('FIN before the end of its super-segment')
    }
    return problems
  }
  return judge(frames, { source: options.source, rule })
}

/**
 * The frames of `source` as they must look on the TAP: up to 65535 bytes, true lengths, no
 * fragment, checksums complete or seeded with the sum of a pseudo header that holds the full
 * length.
 */
export function judgeDeviceFrames(
  frames: readonly PcapFrame[],
  options: { source: string },
): SegmentationVerdict {
  const rule = (frame: DecodedFrame): string[] => {
    const problems = commonProblems(frame)
    if (frame.length > MAX_SUPER_FRAME) problems.push(`frame exceeds ${MAX_SUPER_FRAME} bytes`)
    const state = frame.tcp?.checksum
    if (state !== undefined && state !== 'good' && state !== 'seed') {
      problems.push(`TCP checksum is ${state}: neither complete nor the pseudo-header sum`)
    }
    return problems
  }
  return judge(frames, { source: options.source, rule })
}

function judge(frames: readonly PcapFrame[], judgment: Judgment): SegmentationVerdict {
  const violations: string[] = []
  const payloadHistogram = new Map<number, number>()
  let dataFrames = 0
  let payloadBytes = 0
  let largestFrame = 0
  for (const [index, raw] of frames.entries()) {
    const frame = decodeFrame(raw)
    if (frame.ip === undefined || frame.ip.source !== judgment.source) continue
    for (const problem of judgment.rule(frame)) {
      if (violations.length < MAX_VIOLATIONS) {
        violations.push(`frame ${index + 1} (${frame.length} bytes): ${problem}`)
      }
    }
    const length = frame.tcp?.payloadLength ?? 0
    if (length === 0) continue
    dataFrames++
    payloadBytes += length
    largestFrame = Math.max(largestFrame, frame.length)
    payloadHistogram.set(length, (payloadHistogram.get(length) ?? 0) + 1)
  }
  return { violations, dataFrames, payloadBytes, largestFrame, payloadHistogram }
}

function commonProblems(frame: DecodedFrame): string[] {
  const { ip } = frame
  const problems: string[] = []
  if (ip === undefined) return problems
  if (frame.truncated) problems.push('the capture holds only part of it')
  if (ip.lengthField === 0) problems.push('IP length field is 0')
  if (!ip.headerChecksumGood) problems.push('IPv4 header checksum is wrong')
  if (ip.moreFragments || ip.fragmentOffset > 0) problems.push('it is a fragment')
  const room = frame.length - ETHERNET_HEADER
  // Only a frame below Ethernet's minimum may be padded.
  if (ip.packetLength > room || (ip.packetLength < room && frame.length > MIN_FRAME)) {
    problems.push(`IP length says ${ip.packetLength}, the frame holds ${room}`)
  }
  return problems
}

function flagEnds(
  frames: readonly PcapFrame[],
  source: string,
): { psh: ReadonlySet<string>; fin: ReadonlySet<string> } {
  const psh = new Set<string>()
  const fin = new Set<string>()
  for (const raw of frames) {
    const frame = decodeFrame(raw)
    if (frame.ip?.source !== source || frame.tcp === undefined) continue
    if (frame.tcp.psh) psh.add(endKey(frame))
    if (frame.tcp.fin) fin.add(endKey(frame))
  }
  return { psh, fin }
}

/** A connection and the sequence number after the frame's last octet of data. */
function endKey({ ip, tcp }: DecodedFrame): string {
  const end = (tcp!.sequence + tcp!.payloadLength) >>> 0
  return `${tcp!.sourcePort} ${ip!.destination} ${tcp!.destinationPort} ${end}`
}
