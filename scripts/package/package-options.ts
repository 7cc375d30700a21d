/**
 * Options of `make disk` and `make package`: the app, and the words that the guest is started with.
 */
import { basename } from 'node:path'
import { CommandLineError } from '../../kernel/command-line.ts'
import { readCommandLine } from '../../kernel/read-command-line.ts'
import { checkApp } from '../guest/check-app.ts'
import { parseRunOptions } from '../guest/options.ts'
import { RunError } from '../guest/run-error.ts'

export interface PackageOptions {
  /** Path of an app's TypeScript; undefined = the built-in app. */
  readonly app: string | undefined
  /** The guest's command line. */
  readonly commandLine: string
  /**
   * File of NAME=value lines for the app's settings, absolute; never for a disk, which has no way
   * to hand it over.
   */
  readonly environmentFile: string | undefined
}

/** Options that only a guest on this machine has a use for. */
const OF_RUN = ['NET', 'ACCEL', 'MACHINE', 'QUEUES', 'PCAP', 'PORT', 'RESTART']

/** Throws RunError for what `target` cannot use. */
export function parsePackageOptions(
  target: string,
  words: readonly string[],
  environment: Record<string, string | undefined>,
): PackageOptions {
  for (const name of OF_RUN) {
    if (environment[name] || words.some((word) => word.startsWith(`${name}=`))) {
      throw new RunError(
        `Cannot use ${name}= with make ${target}: it says how this machine runs a guest`,
        'leave it out; APP=, APPEND=, LOG= and OFFLOAD= go into what is written',
      )
    }
  }
  const { app, guest, environmentFile, files } = parseRunOptions(words, environment, target)
  checkApp(app)
  if (target === 'disk' && environmentFile !== undefined) {
    throw new RunError(
      'Cannot use ENV= with make disk: a disk hands no file to the guest',
      "APPEND='env.NAME=value', or -fw_cfg name=opt/eremite/env,file=PATH where the disk is started",
    )
  }
  if (files.length > 0) {
    throw new RunError(
      `Cannot use FILES= with make ${target}: each file is a word of QEMU's, where the guest is started`,
      '-fw_cfg name=opt/eremite/files/NAME,file=PATH there, as docs/fleet.md says',
    )
  }
  const pairs = Object.entries(guest).map(([key, value]) => `${key}=${value}`)
  const commandLine = pairs.join(' ')
  checkCommandLine(target, commandLine)
  return { app, commandLine, environmentFile }
}

/** Elsewhere, and later, the guest would say it, and start no more. */
function checkCommandLine(target: string, text: string): void {
  try {
    readCommandLine(text)
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error
    throw new RunError(
      `Cannot make a ${target} of "${text}": ${error.message}`,
      'give words that the guest understands; kernel/README.md lists them',
    )
  }
}

/** The name of what is written: that of the app's container, or `eremite` for the built-in app. */
export function packageName(container: string | undefined): string {
  return container === undefined ? 'eremite' : basename(container, '.app')
}
