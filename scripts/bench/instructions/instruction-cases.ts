/**
 * The kinds of work whose guest instructions are counted: each does its work in a guest and says
 * how often.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  GUEST_ADDRESS4,
  type NetworkNamespace,
  type Peer,
  type VirtioNetProperties,
} from 'qemu-runner'
import { RunError } from '../../guest/run-error.ts'
import { OFFLOADS } from '../bulk/bulk-rows.ts'
import { flood } from '../flood/syn-flood.ts'
import type { LoadGenerator } from '../load/load-generator.ts'

export interface InstructionCase {
  readonly name: string
  /** What the figure is for: "round trip". */
  readonly unit: string
  readonly work: Work
  /** What its device lacks, nothing when absent; cases of one object share a guest. */
  readonly device?: VirtioNetProperties
}

export interface Site {
  readonly load: LoadGenerator
  readonly peer: Peer
  readonly namespace: NetworkNamespace
  /** The program that sends SYNs. */
  readonly flooder: string
}

/** What comes before counting, and how long a case may last. */
export type Share = 'warm-up' | 'measured'

/** Does the work about as often as asked, and says how often. */
type Work = (site: Site, share: Share) => Promise<number>

const HOST = GUEST_ADDRESS4
const WARM_UP_MS = 800
const MEASURE_MS = 2500
const UNIT_BYTES = 65536
const TRANSFER_BYTES = 128 << 20
const WARM_UP_BYTES = 16 << 20
const TIMEOUT_MS = 120_000
const MESSAGE_BYTES = 64
const IDLE_MS = 5000
const HELD = 1000
const HELD_AT_ONCE = 50
const FLOOD_PER_SECOND = 1000
const FLOOD_SECONDS = 2
/** After what was done before, its memory has come back and its timers have run out. */
const SETTLE_MS = 4000

export const INSTRUCTION_CASES: readonly InstructionCase[] = [
  { name: 'TCP echo', unit: 'round trip', work: echo('echo-stream') },
  { name: 'UDP echo', unit: 'round trip', work: echo('echo-datagram') },
  { name: 'HTTP, kept connection', unit: 'request', work: http(true) },
  { name: 'HTTP, a new connection each', unit: 'request', work: http(false) },
  { name: 'accept to close', unit: 'connection', work: connects },
  { name: '64 KiB sent', unit: '64 KiB', work: download },
  { name: '64 KiB received', unit: '64 KiB', work: discard },
  { name: 'idle', unit: 'second', work: idle },
  { name: `idle, ${HELD} connections`, unit: 'second', work: idleHeld },
  // Last: it leaves SYN-ACKs to be sent again.
  { name: 'SYN of a flood', unit: 'SYN', work: floodedPort },
  ...withoutSegmentation('no TSO'),
  ...withoutSegmentation('no offload'),
]

function withoutSegmentation(offload: 'no TSO' | 'no offload'): InstructionCase[] {
  const device = OFFLOADS[offload]
  return [
    { name: `64 KiB sent, ${offload}`, unit: '64 KiB', work: download, device },
    { name: `64 KiB received, ${offload}`, unit: '64 KiB', work: discard, device },
  ]
}

function durationMs(share: Share): number {
  return share === 'warm-up' ? WARM_UP_MS : MEASURE_MS
}

function echo(name: 'echo-stream' | 'echo-datagram'): Work {
  return async ({ load }, share) => {
    const target = { host: HOST, port: 7, durationMs: durationMs(share) }
    return (await load.request(name, { ...target, lengthBytes: MESSAGE_BYTES })).answers
  }
}

function http(keepAlive: boolean): Work {
  return async ({ load }, share) => {
    const target = { host: HOST, port: 80, durationMs: durationMs(share), connections: 1 }
    const what = { path: `/bytes/${MESSAGE_BYTES}`, bodyBytes: MESSAGE_BYTES, keepAlive }
    return (await load.request('http', { ...target, ...what })).answers
  }
}

async function connects({ load }: Site, share: Share): Promise<number> {
  const target = { host: HOST, port: 7, durationMs: durationMs(share), connections: 1 }
  return (await load.request('connects', target)).answers
}

function transferBytes(share: Share): number {
  return share === 'warm-up' ? WARM_UP_BYTES : TRANSFER_BYTES
}

async function download({ peer }: Site, share: Share): Promise<number> {
  const bytes = transferBytes(share)
  const target = { host: HOST, port: 80, timeoutMs: TIMEOUT_MS, path: `/bytes/${bytes}` }
  const result = await peer.request('download', { ...target, digest: 'none' })
  if (result.bytes !== bytes) throw new RunError('Cannot count: bytes are missing', 'make test')
  return bytes / UNIT_BYTES
}

async function discard({ peer }: Site, share: Share): Promise<number> {
  const bytes = transferBytes(share)
  await peer.request('discard', { host: HOST, port: 9, bytes, timeoutMs: TIMEOUT_MS })
  return bytes / UNIT_BYTES
}

async function floodedPort({ namespace, flooder }: Site, share: Share): Promise<number> {
  const seconds = share === 'warm-up' ? 1 : FLOOD_SECONDS
  const rate = { port: 80, perSecond: FLOOD_PER_SECOND, seconds, seed: 1 }
  const sent = await flood(flooder, namespace, { ...rate, options: 'linux' })
  return sent
}

async function idle(_site: Site, share: Share): Promise<number> {
  const waitMs = share === 'warm-up' ? SETTLE_MS : IDLE_MS
  await delay(waitMs)
  return waitMs / 1000
}

async function idleHeld(site: Site, share: Share): Promise<number> {
  if (share === 'warm-up') {
    const target = { host: HOST, port: 7, count: HELD, atOnce: HELD_AT_ONCE }
    const { failed } = await site.load.request('hold', target)
    if (failed > 0) throw new RunError(`Cannot count: ${failed} were refused`, 'make test')
  }
  return idle(site, share)
}
