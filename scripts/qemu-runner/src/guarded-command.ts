/** Commands that die with this process, whatever kills it: the kernel sends SIGKILL when the parent ends. */
import { requireExecutable } from './executables.ts'

/** Prefixes `command`; it must come last before the program itself, since a change of credentials undoes it. */
export function guarded(command: readonly string[]): string[] {
  return [requireExecutable('setpriv'), '--pdeathsig', 'KILL', '--', ...command]
}
