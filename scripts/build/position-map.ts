/**
 * Turns the source map of a bundle into the table that boot/engine/position-map.c searches: bundle line and column to
 * TypeScript file, line and column.
 */
import { isAbsolute, relative, resolve } from 'node:path'
import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping'

const MAGIC = 0x50414d50
const COLUMN_BITS = 12
const COLUMN_MAX = (1 << COLUMN_BITS) - 1
const LINE_MAX = (1 << (32 - COLUMN_BITS)) - 1
const GENERATED_COLUMN_MAX = 0xffff
const ENTRY_LENGTH = 8

export interface PositionMapOptions {
  readonly sourceMap: string
  /** The directory that the names in the source map are relative to. */
  readonly mapDirectory: string
  /** Names in the table are relative to this directory, or absolute outside of it. */
  readonly root: string
}

function sourceName(source: string | null, options: PositionMapOptions): string {
  if (source === null) return '<unknown>'
  const path = resolve(options.mapDirectory, source)
  const name = relative(options.root, path)
  return name.startsWith('..') || isAbsolute(name) ? path : name
}

interface Entry {
  readonly generatedColumn: number
  readonly source: number
  readonly position: number
}

/** Segments without a source say "no original from here on"; they carry nothing to show. */
function entriesOfLine(segments: readonly (readonly number[])[]): Entry[] {
  const entries: Entry[] = []
  for (const [generatedColumn, source, line, column] of segments) {
    if (source === undefined || line === undefined || column === undefined) continue
    if (generatedColumn! > GENERATED_COLUMN_MAX) break
    const position = Math.min(line, LINE_MAX) * (COLUMN_MAX + 1) + Math.min(column, COLUMN_MAX)
    entries.push({ generatedColumn: generatedColumn!, source, position })
  }
  return entries
}

export function encodePositionMap(options: PositionMapOptions): Uint8Array {
  const map = new TraceMap(options.sourceMap)
  const lines = decodedMappings(map).map(entriesOfLine)
  const names = map.sources.map((source) => Buffer.from(sourceName(source, options)))
  const entryCount = lines.reduce((sum, line) => sum + line.length, 0)
  const fixedLength =
    16 + 4 * (lines.length + 1) + ENTRY_LENGTH * entryCount + 4 * (names.length + 1)
  const strings = Buffer.concat(names)
  const out = Buffer.alloc(fixedLength + strings.length)
  let at = 0
  const put = (value: number): void => {
    at = out.writeUInt32LE(value, at)
  }
  for (const value of [MAGIC, lines.length, entryCount, names.length]) put(value)
  let first = 0
  for (const line of lines) {
    put(first)
    first += line.length
  }
  put(first)
  for (const entry of lines.flat()) {
    at = out.writeUInt16LE(entry.generatedColumn, at)
    at = out.writeUInt16LE(entry.source, at)
    put(entry.position)
  }
  let offset = 0
  for (const name of names) {
    put(offset)
    offset += name.length
  }
  put(offset)
  out.set(strings, at)
  return out
}
