/**
 * The app's settings as a file (ENV=.env), checked here and handed to the guest without standing in
 * a list of processes.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseSettings, SettingsError } from '../../kernel/settings-text.ts'
import { RunError } from './run-error.ts'

/** The absolute path. Throws RunError when the guest could not use the file. */
export function checkEnvironmentFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    parseSettings(readFileSync(path, 'utf8'))
  } catch (error) {
    const isCode = error instanceof Error && 'code' in error
    const cause = isCode && error.code === 'ENOENT' ? 'there is no such file' : String(error)
    throw new RunError(
      `Cannot use ENV=${path}: ${error instanceof SettingsError ? error.message : cause}`,
      'give the path of a file with a line NAME=value for each setting',
    )
  }
  return resolve(path)
}

/** QEMU takes a comma in a value twice. */
export function environmentArguments(path: string | undefined): string[] {
  if (path === undefined) return []
  return ['-fw_cfg', `name=opt/eremite/env,file=${path.replaceAll(',', ',,')}`]
}
