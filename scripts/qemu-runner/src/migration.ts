/** Live migration of a guest from one QEMU to another on this machine, over a passing socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QmpClient } from './qmp/client.ts'

const DEFAULT_TIMEOUT_MS = 60_000

/** Resolves once the guest runs at the destination. Throws Error with QEMU's words. */
export async function migrate(
  source: QmpClient,
  destination: QmpClient,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-runner-'))
  const uri = `unix:${join(folder, 'migration')}`
  try {
    for (const qmp of [source, destination]) {
      await qmp.execute('migrate-set-capabilities', {
        capabilities: [{ capability: 'events', state: true }],
      })
    }
    await destination.execute('migrate-incoming', { uri })
    const ended = [source, destination].map((qmp) =>
      qmp.once('MIGRATION', {
        timeoutMs,
        where: ({ status }) => status === 'completed' || status === 'failed',
      }),
    )
    // A command that is refused has its own words; then nobody waits for these.
    for (const end of ended) end.catch(() => undefined)
    await source.execute('migrate', { uri })
    for (const { status } of await Promise.all(ended)) {
      if (status === 'completed') continue
      const { 'error-desc': words = 'QEMU does not say why' } =
        await source.execute('query-migrate')
      throw new Error(`Cannot migrate the guest: ${words}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
