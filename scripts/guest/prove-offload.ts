/**
 * Proves the offload by moving data both ways, and counts from outside what the device was given.
 */
import { join } from 'node:path'
import { type PcapFrame, type Peer, patternCrc32, readPcap } from 'qemu-runner'
import type { BootedGuest } from './boot-guest.ts'
import { countFrames, type FrameDirection, TapWatch } from './frame-watch.ts'
import type { RunNetwork } from './network.ts'
import { HTTP_PORT, reachableAddresses } from './ready-event.ts'
import { RunError } from './run-error.ts'

export interface Movement {
  readonly direction: 'guest sends' | 'guest receives'
  readonly family: 'IPv4' | 'IPv6'
  readonly bytes: number
  readonly elapsedMs: number
  /**
   * Frames that carry the data: handed to the device when the guest sends, taken from it when it
   * receives.
   */
  readonly frames: number
  readonly largestFrame: number
}

export interface ProofSite {
  readonly guest: BootedGuest
  readonly network: RunNetwork
  readonly peer: Peer
  /** For captures. */
  readonly folder: string
  /** QEMU's own dump, where there is no TAP to watch. */
  readonly dumpPath: string | undefined
  /** Told before each movement what it is. */
  readonly onStep?: (step: string) => void
}

const TIMEOUT_MS = 120_000

/**
 * Moves `bytes` each way, over every family that reaches the guest; throws RunError when a byte is
 * wrong.
 */
export async function moveBothWays(site: ProofSite, bytes: number): Promise<Movement[]> {
  const movements: Movement[] = []
  for (const target of await targets(site)) {
    const where = { host: target.host, port: target.port, timeoutMs: TIMEOUT_MS }
    site.onStep?.(`the guest sends over ${target.family}`)
    const sends = await watched(site, 'sent', async () => {
      const path = `/bytes/${bytes}`
      const result = await site.peer.request('download', { ...where, path, digest: 'crc32' })
      if (
        result.status !== 200 ||
        result.bytes !== bytes ||
        result.digest !== patternCrc32(bytes)
      ) {
        throw wrongBytes('sent', target.family)
      }
      return result.elapsedMs
    })
    movements.push({ direction: 'guest sends', family: target.family, bytes, ...sends })
    site.onStep?.(`the guest receives over ${target.family}`)
    const receives = await watched(site, 'received', async () => {
      const result = await site.peer.request('upload', { ...where, path: '/sink', bytes })
      const answer = JSON.parse(result.body) as { bytes?: number; crc32?: string }
      if (result.status !== 200 || answer.bytes !== bytes || answer.crc32 !== result.crc32) {
        throw wrongBytes('received', target.family)
      }
      return result.elapsedMs
    })
    movements.push({ direction: 'guest receives', family: target.family, bytes, ...receives })
  }
  return movements
}

async function targets(
  site: ProofSite,
): Promise<{ family: 'IPv4' | 'IPv6'; host: string; port: number }[]> {
  if (site.network.kind === 'user') {
    // QEMU's forwards are IPv4 only.
    const port = await site.guest.vm.forwardedPort(HTTP_PORT)
    return [{ family: 'IPv4', host: '127.0.0.1', port }]
  }
  const { ipv4, ipv6 } = reachableAddresses(site.guest.ready)
  return [
    ...(ipv4 === undefined ? [] : [{ family: 'IPv4' as const, host: ipv4, port: HTTP_PORT }]),
    ...(ipv6 === undefined ? [] : [{ family: 'IPv6' as const, host: ipv6, port: HTTP_PORT }]),
  ]
}

async function watched(
  site: ProofSite,
  direction: FrameDirection,
  move: () => Promise<number>,
): Promise<{ elapsedMs: number; frames: number; largestFrame: number }> {
  const mac = site.guest.ready.mac ?? ''
  const { topology } = site.network
  if (topology !== undefined) {
    const path = join(site.folder, 'proof.pcap')
    const watch = await TapWatch.start(topology.tap, direction, path)
    const elapsedMs = await move()
    const { frames, largest } = await watch.stop(mac)
    return { elapsedMs, frames, largestFrame: largest }
  }
  // QEMU's dump has everything since the start: what was there before does not count.
  const before = (await dumped(site)).length
  const elapsedMs = await move()
  const { frames, largest } = countFrames((await dumped(site)).slice(before), mac, direction)
  return { elapsedMs, frames, largestFrame: largest }
}

async function dumped(site: ProofSite): Promise<PcapFrame[]> {
  return site.dumpPath === undefined ? [] : readPcap(site.dumpPath)
}

function wrongBytes(verb: string, family: string): RunError {
  return new RunError(
    `Cannot trust the transfer: what the guest ${verb} over ${family} is not what it should be`,
    'run again with PCAP=out.pcapng and look at it in Wireshark',
  )
}
