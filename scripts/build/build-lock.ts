/** Lets one build at a time write to a build directory; others wait for it. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50

function tryLock(path: string): boolean {
  try {
    const file = openSync(path, 'wx')
    writeSync(file, `${process.pid}`)
    closeSync(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** The holder may have been killed; then nobody will ever remove its lock. */
function holderIsGone(path: string): boolean {
  let holder: number
  try {
    holder = Number(readFileSync(path, 'utf8'))
  } catch {
    return false
  }
  if (!(holder > 0)) return false
  try {
    process.kill(holder, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

export async function withBuildLock(directory: string, work: () => Promise<void>): Promise<void> {
  const path = join(directory, '.lock')
  let told = false
  while (!tryLock(path)) {
    if (holderIsGone(path)) {
      rmSync(path, { force: true })
      continue
    }
    if (!told) console.log('Waiting for another build …')
    told = true
    await sleep(POLL_MS)
  }
  try {
    await work()
  } finally {
    rmSync(path, { force: true })
  }
}
