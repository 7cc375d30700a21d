/** The guest's memory and registers as an ELF core that gdb opens, compressed. */
import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import type { QmpClient } from './qmp/client.ts'

/** Writing 64 MiB takes 0.1 s. */
const DUMP_TIMEOUT_MS = 15_000

/**
 * Writes a gzip file to `path`; the guest stands still meanwhile. Most of a guest's memory is zero,
 * so that 64 MiB end as 2 MB.
 *
 * QEMU is asked for physical memory: with `paging` it walks the page tables, and version 7.2 sets
 * the upper 16 bits of every virtual address, so that gdb finds nothing. A kernel whose mappings
 * are the identity loses nothing by it.
 */
export async function writeCore(qmp: QmpClient, path: string): Promise<void> {
  const raw = `${resolve(path)}.raw`
  try {
    const dump = { paging: false, protocol: `file:${raw}` }
    await qmp.execute('dump-guest-memory', dump, { timeoutMs: DUMP_TIMEOUT_MS })
    const gzip = createGzip({ level: constants.Z_BEST_SPEED })
    await pipeline(createReadStream(raw), gzip, createWriteStream(path))
  } finally {
    rmSync(raw, { force: true })
  }
}
