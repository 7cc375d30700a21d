/** gdb's command line for a guest, and gdb on the terminal. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'

/** The Python file that adds js-bt and its companions. */
export const GDB_COMMANDS = join(import.meta.dirname, '../gdb/eremite.py')

export interface GdbTarget {
  /** Unix socket of QEMU's stub. */
  readonly socketPath: string
  /** The image with its debug information. */
  readonly image: string
}

export function gdbArguments({ socketPath, image }: GdbTarget): string[] {
  return [
    '-q',
    ...['-iex', 'set confirm off'],
    ...['-x', GDB_COMMANDS],
    ...['-ex', `target remote ${socketPath}`],
    image,
  ]
}

/** For a core instead of a guest. */
export function gdbCoreArguments({ core, image }: { core: string; image: string }): string[] {
  return ['-q', '-iex', 'set confirm off', '-x', GDB_COMMANDS, image, core]
}

/**
 * Resolves with gdb's exit status. On a terminal gdb gets a process group of its own in the
 * foreground: Ctrl-C then reaches it alone, and neither QEMU nor the processes that hold the
 * network.
 */
export function runGdb(words: readonly string[]): Promise<number> {
  const gdb = requireExecutable('gdb')
  const [program, args] = process.stdin.isTTY
    ? [requireExecutable('bash'), ['-mc', '"$@"; exit $?', 'gdb', gdb, ...words]]
    : [gdb, [...words]]
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' })
    const watch = process.stdin.isTTY ? setInterval(leaveWithTerminal, 1_000) : undefined
    child.once('error', reject)
    child.once('close', (code) => {
      clearInterval(watch)
      resolve(code ?? 1)
    })
  })
}

/**
 * A closed terminal tells only its foreground group, and gdb does not listen while it waits for the
 * guest.
 */
function leaveWithTerminal(): void {
  try {
    closeSync(openSync('/dev/tty', 'r'))
  } catch {
    process.exit(1)
  }
}
