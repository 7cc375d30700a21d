/**
 * What whoever starts the guest wants its app to know: `env` and `files`, read when the app first
 * asks.
 */
import { parseSettings, SettingsError } from './settings-text.ts'

/** Files that the machine hands in: fw_cfg's. */
export interface SettingsSource {
  names(prefix: string): string[]
  lengthOf(name: string): number | undefined
  read(name: string): Uint8Array<ArrayBuffer> | undefined
}

/** Read-only files by name, without the folder that fw_cfg has them in. */
export interface SettingsFiles {
  names(): string[]
  has(name: string): boolean
  /** A fresh copy. Throws Error when there is no such file. */
  bytes(name: string): Uint8Array<ArrayBuffer>
  /** The same as text, of UTF-8. */
  text(name: string): string
}

export type Environment = Readonly<Record<string, string | undefined>>

const ENVIRONMENT_FILE = 'opt/eremite/env'
const FILES_FOLDER = 'opt/eremite/files/'
/** A file is read into the heap whole. */
const FILE_LIMIT_BYTES = 16 << 20
const ENVIRONMENT_LIMIT_BYTES = 64 << 10

export interface SettingsOptions {
  /** Called at most once, when something is asked for. */
  readonly open: () => SettingsSource | null
  /** From the command line: they come before the file's. */
  readonly given: ReadonlyMap<string, string>
  readonly decodeText: (bytes: Uint8Array, offset: number, lengthBytes: number) => string
}

export function createSettings(options: SettingsOptions): {
  env: Environment
  files: SettingsFiles
} {
  let opened: (() => SettingsSource | null) | null = null
  const source = (): SettingsSource | null => {
    opened ??= openOnce(options.open)
    return opened()
  }
  return {
    env: lazyRecord(() => [...fileSettings(source(), options), ...options.given]),
    files: createFiles(source, options),
  }
}

/** A device that fails is not asked again: each attempt would take memory and a second. */
function openOnce(open: () => SettingsSource | null): () => SettingsSource | null {
  try {
    const source = open()
    return () => source
  } catch (error) {
    return () => {
      throw error
    }
  }
}

function fileSettings(
  source: SettingsSource | null,
  { decodeText }: SettingsOptions,
): Map<string, string> {
  const bytes = readWithin(source, ENVIRONMENT_FILE, ENVIRONMENT_LIMIT_BYTES)
  if (bytes === undefined) return new Map()
  try {
    return parseSettings(decodeText(bytes, 0, bytes.length))
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw new SettingsError(`Cannot use ${ENVIRONMENT_FILE}: ${error.message}`)
  }
}

function createFiles(
  source: () => SettingsSource | null,
  { decodeText }: SettingsOptions,
): SettingsFiles {
  const bytes = (name: string): Uint8Array<ArrayBuffer> => {
    const content = readWithin(source(), FILES_FOLDER + name, FILE_LIMIT_BYTES)
    if (content !== undefined) return content
    throw new Error(
      `Cannot read the file ${name}: the machine has none; start it with -fw_cfg name=${FILES_FOLDER}${name},file=PATH`,
    )
  }
  return Object.freeze({
    names: () =>
      (source()?.names(FILES_FOLDER) ?? []).map((name) => name.slice(FILES_FOLDER.length)),
    has: (name: string) => source()?.lengthOf(FILES_FOLDER + name) !== undefined,
    bytes,
    text(name: string): string {
      const content = bytes(name)
      return decodeText(content, 0, content.length)
    },
  })
}

function readWithin(
  source: SettingsSource | null,
  name: string,
  limitBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  const lengthBytes = source?.lengthOf(name)
  if (lengthBytes === undefined) return undefined
  if (lengthBytes > limitBytes) {
    throw new RangeError(
      `Cannot read ${name}: its ${lengthBytes} bytes are more than ${limitBytes}`,
    )
  }
  return source?.read(name)
}

/** A frozen object whose properties are made when the first is looked at. */
function lazyRecord(make: () => [string, string][]): Environment {
  const target: Record<string, string> = {}
  const fill = (): Record<string, string> => {
    if (Object.isFrozen(target)) return target
    for (const [name, value] of make()) {
      Object.defineProperty(target, name, { value, enumerable: true, configurable: true })
    }
    return Object.freeze(target)
  }
  return new Proxy(target, {
    get: (_, name) => Reflect.get(fill(), name),
    has: (_, name) => Reflect.has(fill(), name),
    set: (_, name, value) => Reflect.set(fill(), name, value),
    defineProperty: (_, name, descriptor) => Reflect.defineProperty(fill(), name, descriptor),
    preventExtensions: () => Reflect.preventExtensions(fill()),
    deleteProperty: (_, name) => Reflect.deleteProperty(fill(), name),
    ownKeys: () => Reflect.ownKeys(fill()),
    getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(fill(), name),
  })
}
