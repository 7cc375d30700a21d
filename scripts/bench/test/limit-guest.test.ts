/** The guest of the bench that has no stack is linked with the image's own script. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { buildLimitGuest } from '../limit/build-limit-guest.ts'

it('the limit guest and its programs build from what the image is made of', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'limit-guest-'))
  try {
    const built = await buildLimitGuest(folder)
    for (const path of Object.values(built)) expect(existsSync(path), path).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
