/** Files for the app (FILES=folder), checked here and handed to the guest by QEMU. */
import { readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { RunError } from './run-error.ts'

export interface AppFile {
  /** As the app calls it. */
  readonly name: string
  /** Absolute. */
  readonly path: string
}

const PREFIX = 'opt/eremite/files/'
/** QEMU's FW_CFG_MAX_FILE_PATH, without the zero at its end. */
const LONGEST_NAME = 55 - PREFIX.length
/** kernel/settings.ts reads no more of one. */
const MOST_BYTES = 16 << 20
/** QEMU has 32 places for files, uses up to 17 itself, and aborts when there are no more. */
const MOST_FILES = 12

/** Throws RunError when the guest could not get one of them. */
export function checkAppFiles(folder: string | undefined): readonly AppFile[] {
  if (folder === undefined) return []
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found?.isDirectory() !== true) {
    const cause = found === undefined ? 'there is no such folder' : 'it is no folder'
    throw refusal(folder, cause, 'give the folder that holds them')
  }
  const root = resolve(folder)
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: relative(root, path), path }))
  if (files.length > MOST_FILES) {
    const cause = `it holds ${files.length} files, and QEMU hands over ${MOST_FILES} at most`
    throw refusal(folder, cause, 'bundle what is not secret: import it in the app')
  }
  for (const { name, path } of files) {
    const state = statSync(path, { throwIfNoEntry: false })
    if (state?.isFile() !== true) throw refusal(folder, `${name} is no file`, 'take it out')
    if (state.size > MOST_BYTES) {
      throw refusal(
        folder,
        `${name} has ${state.size} bytes`,
        `${MOST_BYTES} at most are handed over`,
      )
    }
    if (!/^[\x20-\x7e]+$/.test(name)) {
      const next = 'letters of ASCII come through the firmware as they are: rename it'
      throw refusal(folder, `the name ${name} has others`, next)
    }
    if (Buffer.byteLength(name) > LONGEST_NAME) {
      throw refusal(
        folder,
        `the name ${name} is too long`,
        `${LONGEST_NAME} bytes are QEMU's limit`,
      )
    }
  }
  return files
}

function refusal(folder: string, cause: string, next: string): RunError {
  return new RunError(`Cannot use FILES=${folder}: ${cause}`, next)
}

/** QEMU takes a comma in a value twice. */
export function appFileArguments(files: readonly AppFile[]): string[] {
  const twice = (text: string) => text.replaceAll(',', ',,')
  return files.flatMap(({ name, path }) => [
    '-fw_cfg',
    `name=${PREFIX}${twice(name)},file=${twice(path)}`,
  ])
}
