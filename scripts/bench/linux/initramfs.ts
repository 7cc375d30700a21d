/**
 * The Linux guest's whole file system: init and its configuration, busybox, the servers, their
 * libraries, modules.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { ArchiveEntry } from './cpio-archive.ts'

export interface GuestFile {
  readonly path: string
  readonly content: Buffer
}

export interface InitramfsParts {
  /** Files as they are: `init` and what lies in `etc/`. */
  readonly configuration: readonly GuestFile[]
  /** For `/bin`. */
  readonly programs: readonly GuestFile[]
  /** For the loader's default folder; among them the loader itself. */
  readonly libraries: readonly GuestFile[]
  /** Kernel modules, uncompressed, in the order of loading. */
  readonly modules: readonly GuestFile[]
}

/** The loader's path, which the x86-64 psABI fixes in every program. */
export const LOADER = 'ld-linux-x86-64.so.2'
const LIBRARY_FOLDER = 'lib/x86_64-linux-gnu'
const FOLDERS = ['dev', 'proc', 'sys', 'tmp', 'run', 'var', 'var/log']
const EXECUTABLE = 0o755
const READABLE = 0o644

/** The kernel unpacks in order, so a folder comes before what it holds. */
export function initramfsEntries(parts: InitramfsParts): ArchiveEntry[] {
  const files: ArchiveEntry[] = [
    ...parts.configuration.map(({ path, content }) =>
      file(path, content, path === 'init' ? EXECUTABLE : READABLE),
    ),
    ...parts.programs.map(({ path, content }) => file(`bin/${path}`, content, EXECUTABLE)),
    ...parts.libraries.map(({ path, content }) =>
      path === LOADER
        ? file(`lib64/${path}`, content, EXECUTABLE)
        : file(`${LIBRARY_FOLDER}/${path}`, content, READABLE),
    ),
    ...parts.modules.map(({ path, content }) => file(`modules/${path}`, content, READABLE)),
    // init reads the order from here.
    file(
      'modules/order',
      Buffer.from(parts.modules.map(({ path }) => `${path}\n`).join('')),
      READABLE,
    ),
  ]
  const folders = new Set(FOLDERS)
  for (const { path } of files) {
    const steps = path.split('/')
    for (let depth = 1; depth < steps.length; depth++) folders.add(steps.slice(0, depth).join('/'))
  }
  const directories = [...folders].sort().map(
    (path): ArchiveEntry => ({
      type: 'directory',
      path,
      mode: EXECUTABLE,
      content: Buffer.alloc(0),
    }),
  )
  return [...directories, ...files]
}

function file(path: string, content: Buffer, mode: number): ArchiveEntry {
  return { type: 'file', path, mode, content }
}

/** All files below a folder, by their paths in it, sorted. */
export function readConfiguration(folder: string): GuestFile[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(folder, path), content: readFileSync(path) }))
}
