/** Why a guest has ended, in its own last words, on one line with the place in the app's source. */
import { describeExit, type Vm } from 'qemu-runner'
import { RunError } from './run-error.ts'

/**
 * Names that Node.js has and the guest has not: the usual reason why an app from elsewhere fails.
 */
const NODE_NAMES = /'(require|module|exports)' is not defined|Dynamic require of "/

const FRAME = /^\s*at (?:.* )?\(?([^()\s]+:\d+:\d+)\)?$/m

/** `what` begins the sentence: "Cannot boot the guest". `end` replaces what became of QEMU. */
export function guestFailure(vm: Vm, what: string, end?: string): RunError {
  const panic = vm.events.received.find(({ value }) => value.event === 'panic')?.value
  const how = end ?? (vm.exit === undefined ? 'no end yet' : describeExit(vm.exit))
  if (typeof panic?.message !== 'string') {
    const words = vm.console.tail(8).trim().split('\n').join(' | ')
    return new RunError(
      `${what}: ${how}; it said: ${words || 'nothing'}`,
      words.startsWith('command line: ')
        ? 'give a value that it understands'
        : 'make debug shows where it stands',
    )
  }
  const place = typeof panic.stack === 'string' ? FRAME.exec(panic.stack)?.[1] : undefined
  const words = panic.message.trim().split('\n').join(' | ')
  return new RunError(
    `${what}: ${how}; it said: ${words}${place === undefined ? '' : ` at ${place}`}`,
    NODE_NAMES.test(words)
      ? 'the guest is not Node.js; docs/apps.md lists what it has'
      : 'mend that place, or look around with make debug',
    place,
  )
}
