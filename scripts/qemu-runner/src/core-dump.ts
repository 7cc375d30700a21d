/** The guest's memory and registers as an ELF core that gdb opens, compressed. */
import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as after } from 'node:timers/promises'
import { constants, createGzip } from 'node:zlib'
import type { QmpClient } from './qmp/client.ts'

/** Writing 64 MiB takes 0.1 s. */
const DUMP_DEADLINE_MS = 15_000

/**
 * Writes a gzip file to `path`; the guest stands still meanwhile. Most of a guest's memory is zero, so that 64 MiB end
 * as 2 MB.
 *
 * QEMU is asked for physical memory: with `paging` it walks the page tables, and version 7.2 sets the upper 16 bits of
 * every virtual address, so that gdb finds nothing. A kernel whose mappings are the identity loses nothing by it.
 */
export async function writeCore(qmp: QmpClient, path: string): Promise<void> {
  const raw = `${resolve(path)}.raw`
  const deadline = new AbortController()
  try {
    await Promise.race([
      qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${raw}` }),
      after(DUMP_DEADLINE_MS, undefined, { signal: deadline.signal }).then(() => {
        throw new Error(`Cannot dump the guest's memory: no answer within ${DUMP_DEADLINE_MS} ms`)
      }),
    ])
    const gzip = createGzip({ level: constants.Z_BEST_SPEED })
    await pipeline(createReadStream(raw), gzip, createWriteStream(path))
  } finally {
    deadline.abort()
    rmSync(raw, { force: true })
  }
}
