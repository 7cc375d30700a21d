/**
 * Turns the source map of a bundle into the table that boot/engine/position-map.c searches: bundle
 * line and column to TypeScript file, line and column, and to the inlined calls that they stand in.
 */
import { isAbsolute, relative, resolve } from 'node:path'
import { decodedMappings, TraceMap } from '@jridgewell/trace-mapping'
import type { InlinedMap } from './inlined-map.ts'

const MAGIC = 0x33414d50
const COLUMN_BITS = 12
const COLUMN_MAX = (1 << COLUMN_BITS) - 1
const LINE_MAX = (1 << (32 - COLUMN_BITS)) - 1
const GENERATED_COLUMN_MAX = 0xffff
const LINES_A_BLOCK = 32
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

/** What an entry says of its place changed since the one before (boot/engine/position-map.c). */
const CHANGE = { none: 0, column: 1, line: 2, source: 3 } as const

interface Entry {
  readonly generatedColumn: number
  readonly source: number
  readonly line: number
  readonly column: number
}

/** Segments without a source say "no original from here on"; they carry nothing to show. */
function entriesOfLine(segments: readonly (readonly number[])[]): Entry[] {
  const entries: Entry[] = []
  for (const [generatedColumn, source, line, column] of segments) {
    if (source === undefined || line === undefined || column === undefined) continue
    if (generatedColumn! > GENERATED_COLUMN_MAX) break
    entries.push({
      ...{ generatedColumn: generatedColumn!, source },
      ...{ line: Math.min(line, LINE_MAX), column: Math.min(column, COLUMN_MAX) },
    })
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

/** Numbers of seven bits an octet, the lowest first. */
class NumberWriter {
  readonly bytes: number[] = []

  put(value: number): void {
    let left = value
    for (; left > 0x7f; left = Math.floor(left / 128)) this.bytes.push((left % 128) | 0x80)
    this.bytes.push(left)
  }

  /** The lowest bit is the sign. */
  putSigned(value: number): void {
    this.put(value < 0 ? -2 * value - 1 : 2 * value)
  }
}

interface EncodedLines {
  readonly entries: Uint8Array
  /** Where each block of lines begins. */
  readonly blocks: readonly number[]
}

function encodeLines(lines: readonly (readonly Entry[])[]): EncodedLines {
  const out = new NumberWriter()
  const blocks: number[] = []
  let before = { source: 0, line: 0, column: 0 }
  for (const [index, entries] of lines.entries()) {
    if (index % LINES_A_BLOCK === 0) {
      blocks.push(out.bytes.length)
      before = { source: 0, line: 0, column: 0 }
    }
    out.put(entries.length)
    let generatedColumn = 0
    for (const entry of entries) {
      const step = entry.generatedColumn - generatedColumn
      generatedColumn = entry.generatedColumn
      putEntry(out, step, entry, before)
      before = entry
    }
  }
  return { entries: Uint8Array.from(out.bytes), blocks }
}

function putEntry(
  out: NumberWriter,
  step: number,
  entry: Entry,
  before: Omit<Entry, 'generatedColumn'>,
): void {
  const { generatedColumn, source, line, column } = entry
  if (source === before.source && line === before.line) {
    const moved = column - before.column
    out.put(4 * step + (moved === step ? CHANGE.none : CHANGE.column))
    if (moved !== step) out.putSigned(moved)
    return
  }
  if (source === before.source) {
    out.put(4 * step + CHANGE.line)
    out.putSigned(line - before.line)
  } else {
    out.put(4 * step + CHANGE.source)
    out.put(source)
    out.put(line)
  }
  out.putSigned(column - generatedColumn)
}

export function encodePositionMap(options: PositionMapOptions): Uint8Array {
  const map = new TraceMap(options.sourceMap)
  const { calls, spans } = inlinedOf(options.sourceMap)
  const lines = decodedMappings(map).map(entriesOfLine)
  const functions = [...new Set(calls.map(({ name }) => name))]
  const nameOf = new Map(functions.map((name, index) => [name, map.sources.length + index]))
  const texts = [...map.sources.map((source) => sourceName(source, options)), ...functions]
  const names = texts.map((text) => Buffer.from(text))
  const strings = Buffer.concat(names)
  const { entries, blocks } = encodeLines(lines)
  const words: number[] = []
  const put = (...values: number[]): void => {
    words.push(...values)
  }
  const pair = (first: number, second: number): number => first + second * 0x10000
  put(MAGIC, lines.length, entries.length, names.length, calls.length, spans.length)
  for (const block of blocks) put(block)
  for (const { name, at, outer } of calls) {
    put(pair(at[0], outer), packed(at[1], at[2]), nameOf.get(name)!)
  }
  for (const [line, column, call] of spans) put(line, pair(column, call))
  let offset = 0
  for (const name of names) {
    put(offset)
    offset += name.length
  }
  put(offset)
  return Buffer.concat([new Uint8Array(Uint32Array.from(words).buffer), strings, entries])
}
