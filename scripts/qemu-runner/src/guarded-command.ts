/**
 * Commands that die with this process, whatever kills it: the kernel sends SIGKILL when the parent
 * ends.
 */
import { requireExecutable } from './executables.ts'

/**
 * A parent that went before the signal was asked for sends none any more: whoever has adopted the
 * command shows it.
 */
const START =
  'if [ "$PPID" = "$0" ]; then exec "$@"; fi; echo "qemu-runner: not started: its parent has gone" >&2; exit 1'

/**
 * Prefixes `command`; it must come last before the program itself, since a change of credentials
 * undoes it. What stands before it must replace itself (`exec`) and not fork: the command only runs
 * as a child of this process.
 */
export function guarded(command: readonly string[]): string[] {
  const guard = [requireExecutable('setpriv'), '--pdeathsig', 'KILL', '--']
  return [...guard, '/bin/sh', '-c', START, String(process.pid), ...command]
}
