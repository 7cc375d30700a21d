/**
 * Bulk transfers beside idle connections, and what a connection costs: one guest a run, with more
 * and more of them.
 */
import { GUEST_ADDRESS4, Peer, Topology } from 'qemu-runner'
import { bootGuest } from '../guest/boot-guest.ts'
import { gigabitsPerSecond } from '../guest/text-table.ts'
import type { IdleFigure } from './idle-figures.ts'
import { LoadGenerator } from './load/load-generator.ts'
import { median } from './measurement.ts'

/** How many there are beside the transfers, one after the other. */
const IDLE_COUNTS = [0, 16, 1_000] as const
const ECHO = 7
const HTTP = 80
const TIMEOUT_MS = 300_000
/** What a connection sends with is given up after two seconds without a word. */
const SETTLED_MS = 3_000
const CONNECTS_MS = 2_000
/**
 * Of each direction, in turn. One connection's rate is not its guest's: the host sizes its frames
 * by the round trip that the handshake has shown.
 */
const TRANSFERS = 3

export async function measureIdle(kernel: string, bytes: number): Promise<IdleFigure[]> {
  const topology = await Topology.direct()
  try {
    const guest = await bootGuest({
      kernel,
      machine: 'q35',
      accel: 'tcg',
      network: { kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
      append: topology.guestAppend,
    })
    const load = await LoadGenerator.start(topology.near)
    const peer = await Peer.start(topology.near)
    try {
      return await measureBeside(load, peer, bytes)
    } finally {
      await peer.close()
      await load.close()
      await guest.vm.close()
    }
  } finally {
    await topology.close()
  }
}

async function measureBeside(
  load: LoadGenerator,
  peer: Peer,
  bytes: number,
): Promise<IdleFigure[]> {
  const figures: IdleFigure[] = []
  const target = { host: GUEST_ADDRESS4, port: HTTP, timeoutMs: TIMEOUT_MS }
  let heldBytes = 0
  let open = 0
  for (const idle of IDLE_COUNTS) {
    // What the rates of the row before have left, such as records of connections in TIME-WAIT, is
    // no connection's.
    const bytesBefore = await engineBytes(load)
    // Half of them of each service.
    for (const port of [ECHO, HTTP]) {
      const count = (idle - open) / 2
      await load.request('hold', { host: GUEST_ADDRESS4, port, count, atOnce: 16 })
    }
    open = idle
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    heldBytes += (await engineBytes(load)) - bytesBefore
    const dialed = await load.request('connects', {
      ...{ host: GUEST_ADDRESS4, port: ECHO, connections: 1, durationMs: CONNECTS_MS },
    })
    const sentMs: number[] = []
    const takenMs: number[] = []
    for (let transfer = 0; transfer < TRANSFERS; transfer++) {
      const path = `/bytes/${bytes}`
      sentMs.push((await peer.request('download', { ...target, path, digest: 'crc32' })).elapsedMs)
      takenMs.push((await peer.request('upload', { ...target, path: '/sink', bytes })).elapsedMs)
    }
    figures.push({
      idle,
      bytesAConnection: idle === 0 ? 0 : heldBytes / idle,
      sendsGigabits: gigabitsPerSecond(bytes, median(sentMs)),
      receivesGigabits: gigabitsPerSecond(bytes, median(takenMs)),
      connectsASecond: (dialed.answers * 1000) / dialed.elapsedMs,
    })
  }
  return figures
}

async function engineBytes(load: LoadGenerator): Promise<number> {
  const { text } = await load.request('get-text', { host: GUEST_ADDRESS4, path: '/stats' })
  return (JSON.parse(text) as { memory: { engineBytes: number } }).memory.engineBytes
}
