/**
 * Lets one build at a time write to a build directory; others wait for it. The kernel keeps the
 * lock, which is gone with whoever held it, however that ended.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { requireExecutable } from 'qemu-runner'

/** A lock that is free is taken sooner. */
const TELL_AFTER_MS = 200

/** Resolves once the lock is ours, with what gives it back. */
async function takeLock(path: string): Promise<() => Promise<void>> {
  // `cat` has the lock for as long as its standard input is open, and answers once it has it. In a
  // session of its own, so that Ctrl-C does not take the lock from a build that tidies up.
  const holder = spawn(requireExecutable('flock'), ['--no-fork', path, 'cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(holder, 'close')
  // That it has ended is told by the line below.
  holder.stdin.on('error', () => undefined)
  holder.stdin.write('?')
  const isOurs = once(holder.stdout, 'data').then(() => 'ours' as const)
  const hasFailed = ended.then(() => 'failed' as const)
  const state = await Promise.race([isOurs, hasFailed, sleep(TELL_AFTER_MS, 'waiting' as const)])
  if (state === 'waiting') console.log('Waiting for another build …')
  if ((await Promise.race([isOurs, hasFailed])) === 'failed') {
    throw new Error(`Cannot lock ${path}: flock ended with status ${holder.exitCode}`)
  }
  return async () => {
    holder.stdin.end()
    await ended
  }
}

export async function withBuildLock(directory: string, work: () => Promise<void>): Promise<void> {
  const release = await takeLock(join(directory, '.lock'))
  try {
    await work()
  } finally {
    await release()
  }
}
