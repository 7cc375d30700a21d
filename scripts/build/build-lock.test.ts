/**
 * One build at a time has a build directory, whatever became of those before.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { withBuildLock } from './build-lock.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** How many builds of so many that begin at once were ever in it together. */
async function mostAtOnce(builds: number): Promise<number> {
  let inside = 0
  let most = 0
  const build = () =>
    withBuildLock(folder, async () => {
      most = Math.max(most, ++inside)
      await sleep(5)
      inside--
    })
  await Promise.all(Array.from({ length: builds }, build))
  return most
}

it('has builds that begin at once follow each other', async () => {
  expect(await mostAtOnce(8)).toBe(1)
})

it('goes on after a build that failed', async () => {
  const failing = withBuildLock(folder, async () => {
    throw new Error('no such file')
  })
  await expect(failing).rejects.toThrow('no such file')
  expect(await mostAtOnce(2)).toBe(1)
})

it('is free, for one at a time, once the build that had it was killed', async () => {
  const script = `
    import { withBuildLock } from ${JSON.stringify(join(import.meta.dirname, 'build-lock.ts'))}
    await withBuildLock(${JSON.stringify(folder)}, async () => {
      console.log('inside')
      await new Promise((done) => setTimeout(done, 60_000))
    })`
  const words = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const killed = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(killed.stdout, 'data')
  const waiting = mostAtOnce(4)
  killed.kill('SIGKILL')
  expect(await waiting).toBe(1)
})

it('does not mind a file that a build left which ended before it said who it is', async () => {
  writeFileSync(join(folder, '.lock'), '')
  expect(await mostAtOnce(2)).toBe(1)
})

it('says why when the directory is not there', async () => {
  const build = withBuildLock(join(folder, 'none'), async () => undefined)
  await expect(build).rejects.toThrow(/Cannot lock .*none.*: flock ended with status 66/)
})
