/**
 * Turns the source map of a bundle into the table that boot/engine/position-map.c searches: bundle
 * line and column to TypeScript file, line and column, and to the inlined calls that they stand in.
 */
import { isAbsolute, relative, resolve } from 'node:path'
import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping'
import type { InlinedMap } from './inlined-map.ts'

const MAGIC = 0x32414d50
const COLUMN_BITS = 12
const COLUMN_MAX = (1 << COLUMN_BITS) - 1
const LINE_MAX = (1 << (32 - COLUMN_BITS)) - 1
const GENERATED_COLUMN_MAX = 0xffff
const HEADER_LENGTH = 24
const ENTRY_LENGTH = 8
const CALL_LENGTH = 12
const SPAN_LENGTH = 8
/** A call's number and its column have 16 bits. */
const CALL_MAX = 0xffff

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
    entries.push({ generatedColumn: generatedColumn!, source, position: packed(line, column) })
  }
  return entries
}

function packed(line: number, column: number): number {
  return Math.min(line, LINE_MAX) * (COLUMN_MAX + 1) + Math.min(column, COLUMN_MAX)
}

/** What of the inlined calls the table has room for. */
function inlinedOf(sourceMap: string): InlinedMap {
  const { x_inlined: inlined } = JSON.parse(sourceMap) as { x_inlined?: InlinedMap }
  if (inlined === undefined || inlined.calls.length > CALL_MAX) return { calls: [], spans: [] }
  const spans = inlined.spans.filter(([, column]) => column <= GENERATED_COLUMN_MAX)
  return { calls: inlined.calls, spans }
}

export function encodePositionMap(options: PositionMapOptions): Uint8Array {
  const map = new TraceMap(options.sourceMap)
  const { calls, spans } = inlinedOf(options.sourceMap)
  const lines = decodedMappings(map).map(entriesOfLine)
  const functions = [...new Set(calls.map(({ name }) => name))]
  const nameOf = new Map(functions.map((name, index) => [name, map.sources.length + index]))
  const texts = [...map.sources.map((source) => sourceName(source, options)), ...functions]
  const names = texts.map((text) => Buffer.from(text))
  const entryCount = lines.reduce((sum, line) => sum + line.length, 0)
  const fixedLength =
    HEADER_LENGTH +
    4 * (lines.length + 1) +
    ENTRY_LENGTH * entryCount +
    CALL_LENGTH * calls.length +
    SPAN_LENGTH * spans.length +
    4 * (names.length + 1)
  const strings = Buffer.concat(names)
  const out = Buffer.alloc(fixedLength + strings.length)
  let at = 0
  const put = (value: number): void => {
    at = out.writeUInt32LE(value, at)
  }
  const putTwo = (first: number, second: number): void => {
    at = out.writeUInt16LE(first, at)
    at = out.writeUInt16LE(second, at)
  }
  const counts = [lines.length, entryCount, names.length, calls.length, spans.length]
  for (const value of [MAGIC, ...counts]) put(value)
  let first = 0
  for (const line of lines) {
    put(first)
    first += line.length
  }
  put(first)
  for (const entry of lines.flat()) {
    putTwo(entry.generatedColumn, entry.source)
    put(entry.position)
  }
  for (const { name, at, outer } of calls) {
    putTwo(at[0], outer)
    put(packed(at[1], at[2]))
    put(nameOf.get(name)!)
  }
  for (const [line, column, call] of spans) {
    put(line)
    putTwo(column, call)
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
