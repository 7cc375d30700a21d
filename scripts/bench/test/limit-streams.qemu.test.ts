/** The limit guest keeps as many connections busy as a row has; the host says what each moved. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Topology } from 'qemu-runner'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OFFLOADS } from '../bulk/bulk-rows.ts'
import { buildLimitGuest, type LimitPrograms } from '../limit/build-limit-guest.ts'
import { bootLimitGuest, moveStreams } from '../limit/run-limit-guest.ts'

const MILLISECONDS = 400

let folder: string
let built: LimitPrograms

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'limit-streams-'))
  built = await buildLimitGuest(folder)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const CASES = [
  { offload: 'TSO', family: 4, streams: 64 },
  { offload: 'TSO', family: 6, streams: 4 },
  { offload: 'no TSO', family: 6, streams: 4 },
  { offload: 'no offload', family: 4, streams: 4 },
] as const

for (const mode of ['send', 'receive'] as const) {
  it.each(CASES)(
    `the limit guest ${mode}s on $streams connections at once, IPv$family, $offload`,
    async ({ offload, family, streams }) => {
      const task = { mode, family, streams, device: OFFLOADS[offload] }
      const topology = await Topology.direct()
      try {
        const vm = await bootLimitGuest(built.kernel, task, topology)
        try {
          const plan = { topology, milliseconds: MILLISECONDS }
          const { moved, least, most } = await moveStreams(built.tcpStreams, task, plan)
          expect(least).toBeGreaterThan(0)
          expect(moved).toBeGreaterThanOrEqual(least * streams)
          expect(moved).toBeLessThanOrEqual(most * streams)
          // Its sender goes round; how the host shares out what it sends is the host's affair.
          if (mode === 'send') expect(least).toBeGreaterThan(most / 4)
          expect(vm.exit).toBeUndefined()
        } finally {
          await vm.close()
        }
      } finally {
        await topology.close()
      }
    },
  )
}
