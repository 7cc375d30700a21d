/**
 * Does what an editor does: starts `make debug-server`'s script, waits until it says so, and drives
 * gdb's machine interface.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { guarded, requireExecutable } from 'qemu-runner'
import { runCommand } from './gdb-session.ts'
import { ROOT } from './paths.ts'

const SERVER_READY_MS = 40_000

/** Resolves with what gdb printed, and with what the server did until it ended. */
export async function editorSession(
  ready: RegExp,
  commands: readonly string[],
): Promise<{ output: string; server: string }> {
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
  const script = join(ROOT, 'scripts/debug.ts')
  const [program, ...words] = guarded([process.execPath, tsx, script, '--wait', 'NET=user'])
  const child = spawn(program!, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let server = ''
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(
        () => reject(new Error(`No server within ${SERVER_READY_MS} ms:\n${server}`)),
        SERVER_READY_MS,
      )
      const settle = (action: () => void): void => {
        clearTimeout(deadline)
        action()
      }
      const take = (chunk: Buffer): void => {
        server += chunk.toString('utf8')
        if (ready.test(server)) settle(resolve)
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
      void ended.then(() => settle(() => reject(new Error(`The server has ended:\n${server}`))))
    })
    const gdb = [requireExecutable('gdb'), '-nx', '-q', '--interpreter=mi']
    const output = await runCommand(gdb, `${commands.join('\n')}\n`)
    await ended
    return { output, server }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}
