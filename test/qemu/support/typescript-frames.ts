/** The frames that js-bt prints, and whether the lines they name hold the calls. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { ROOT } from './paths.ts'

export interface Frame {
  readonly level: number
  readonly name: string
  readonly arguments: string
  /** Undefined for a native function. */
  readonly file: string | undefined
  readonly line: number
  readonly column: number
}

const FRAME = /^#(\d+)\s+(.+?)\((.*)\) (?:\(native\)|at ([^:]+):(\d+):(\d+))$/

export function parseFrames(text: string): Frame[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .map((line) => {
      const match = FRAME.exec(line)
      if (match === null) throw new Error(`Cannot read a frame of js-bt: ${line}`)
      const [, level, name, given, file, at, column] = match
      return {
        level: Number(level),
        name: name!,
        arguments: given!,
        file,
        line: Number(at),
        column: Number(column),
      }
    })
}

/**
 * The text of the source file as it was when the image was built, which is what its lines count.
 */
function builtSource(image: string, file: string): string {
  for (const program of ['eremite', 'builtin']) {
    const path = join(dirname(image), `${program}.js.map`)
    if (!existsSync(path)) continue
    const map = JSON.parse(readFileSync(path, 'utf8')) as {
      sources: string[]
      sourcesContent: string[]
    }
    const index = map.sources.findIndex(
      (source) => join(dirname(image), source) === join(ROOT, file),
    )
    if (index >= 0) return map.sourcesContent[index]!
  }
  throw new Error(`The image was not built from ${file}`)
}

export function sourceLine(image: string, frame: Frame): string {
  return builtSource(image, frame.file!).split('\n')[frame.line - 1] ?? ''
}

/** The number of the one line of a built source that holds `text`. */
export function lineHolding(image: string, file: string, text: string): number {
  const lines = builtSource(image, file).split('\n')
  const found = lines.flatMap((line, index) => (line.includes(text) ? [index + 1] : []))
  expect(found, `${text} in ${file}`).toHaveLength(1)
  return found[0]!
}

/**
 * The line that a frame names must hold the call of the next inner frame, at or behind the column.
 * `aliases`: other names under which functions are called, by their own.
 */
export function expectRightLines(
  image: string,
  frames: readonly Frame[],
  aliases: Readonly<Record<string, string>> = {},
): void {
  for (const [index, frame] of frames.entries()) {
    expect(frame.level).toBe(index)
    const callee = frames[index - 1]
    if (callee === undefined || frame.file === undefined) continue
    const where = `${frame.file}:${frame.line}:${frame.column} calls ${callee.name}`
    const name = aliases[callee.name] ?? callee.name
    expect(sourceLine(image, frame).slice(frame.column - 1), where).toContain(`${name}(`)
  }
}

export function places(frames: readonly Frame[]): string[] {
  return frames.map(({ name, file }) => `${name} ${file ?? '(native)'}`)
}

/** Each pattern matches a text behind the one that the pattern before it matched. */
export function expectInOrder(texts: readonly string[], patterns: readonly RegExp[]): void {
  let at = 0
  for (const pattern of patterns) {
    const found = texts.findIndex((text, index) => index >= at && pattern.test(text))
    expect(found, `${pattern} from ${at} on in\n${texts.join('\n')}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
}
