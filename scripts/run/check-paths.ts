/** The files that options name, looked at before any work is done. */
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { RunError } from './run-error.ts'

const SOURCE = /\.[cm]?[jt]sx?$/

/** Throws RunError when `app` is no source file, or `pcap` cannot be written. */
export function checkPaths(options: {
  readonly app: string | undefined
  readonly pcap?: string | undefined
}): void {
  if (options.app !== undefined) checkApp(options.app)
  if (options.pcap !== undefined) checkCapture(options.pcap)
}

function checkApp(app: string): void {
  const state = statSync(app, { throwIfNoEntry: false })
  const problem =
    state === undefined
      ? 'there is no such file'
      : !state.isFile()
        ? 'it is no file'
        : SOURCE.test(app)
          ? undefined
          : 'it is no TypeScript'
  if (problem !== undefined) {
    throw new RunError(`Cannot read APP=${app}: ${problem}`, 'give the path of a .ts file')
  }
}

function checkCapture(pcap: string): void {
  if (statSync(pcap, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new RunError(`Cannot write PCAP=${pcap}: it is a folder`, 'give the path of a file')
  }
  const folder = dirname(pcap)
  try {
    accessSync(folder, constants.W_OK)
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const problem = isMissing ? `there is no folder ${folder}` : `${folder} is not writable`
    throw new RunError(`Cannot write PCAP=${pcap}: ${problem}`, 'give a path in a folder of yours')
  }
}
