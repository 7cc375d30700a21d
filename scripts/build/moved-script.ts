/**
 * A bundle whose text may grow, shrink and be copied, while each character knows where in the
 * bundle it comes from and as a part of which inlined call it stands there: what passes that move
 * text hand on to each other.
 */
import type { InlinedCalls } from './inlined-calls.ts'

/** Text from `at` to where the next run begins. */
interface Run {
  readonly at: number
  /** Offset in the bundle of its first character. */
  readonly origin: number
  /** Text that a pass has made: all of it counts as what stands at `origin`. */
  readonly isMade: boolean
  /** The inlined call that it is a part of, 0 for none. */
  readonly call: number
}

/** A piece of what takes a text's place: text that is made, or a copy of what stands elsewhere. */
export type Part =
  | { readonly text: string; readonly at: number; readonly call?: number }
  | { readonly from: number; readonly to: number; readonly inCall?: (call: number) => number }

export interface Move {
  readonly start: number
  readonly end: number
  readonly parts: readonly Part[]
}

export class MovedScript {
  readonly text: string
  readonly calls: InlinedCalls
  readonly runs: readonly Run[]

  private constructor(text: string, calls: InlinedCalls, runs: readonly Run[]) {
    this.text = text
    this.calls = calls
    this.runs = runs
  }

  static of(bundle: string, calls: InlinedCalls): MovedScript {
    return new MovedScript(bundle, calls, [{ at: 0, origin: 0, isMade: false, call: 0 }])
  }

  /** Where in the bundle the character at an offset comes from. */
  originOf(offset: number): number {
    const run = this.runs[this.runIndex(offset)]!
    return run.isMade ? run.origin : run.origin + offset - run.at
  }

  /** Whether the character at an offset stands in the bundle, and is no text of a pass. */
  isOriginal(offset: number): boolean {
    return !this.runs[this.runIndex(offset)]!.isMade
  }

  callAt(offset: number): number {
    return this.runs[this.runIndex(offset)]!.call
  }

  /** The inlined calls that something between two offsets is a part of. */
  callsWithin(start: number, end: number): number[] {
    const first = this.runIndex(start)
    const found = new Set<number>()
    for (let index = first; (this.runs[index]?.at ?? end) < end; index++) {
      const { call } = this.runs[index]!
      if (call !== 0) found.add(call)
    }
    return [...found]
  }

  /** The same positions with other text, edited in place: no character that is left has moved. */
  withText(text: string): MovedScript {
    if (text.length !== this.text.length) throw new RangeError('The text has moved')
    return new MovedScript(text, this.calls, this.runs)
  }

  /** Moves must not overlap; those that begin at one place come in the order given. */
  apply(moves: readonly Move[]): MovedScript {
    const writer = new RunWriter(this)
    let at = 0
    for (const { start, end, parts } of [...moves].sort((a, b) => a.start - b.start)) {
      if (start < at || end < start) throw new RangeError(`Moves overlap at ${start}`)
      writer.copy(at, start)
      for (const part of parts) {
        if ('text' in part) writer.make(part.text, part.at, part.call)
        else writer.copy(part.from, part.to, part.inCall)
      }
      at = end
    }
    writer.copy(at, this.text.length)
    return new MovedScript(writer.text, this.calls, writer.runs)
  }

  /** Index of the run that an offset lies in. */
  runIndex(offset: number): number {
    let low = 0
    let high = this.runs.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.runs[middle]!.at <= offset) low = middle
      else high = middle
    }
    return low
  }
}

class RunWriter {
  readonly runs: Run[] = []
  private readonly source: MovedScript
  private readonly pieces: string[] = []
  private length = 0

  constructor(source: MovedScript) {
    this.source = source
  }

  get text(): string {
    return this.pieces.join('')
  }

  /**
   * Text that counts as what stands at `at` of the source, in the inlined call that stands there
   * unless one is given.
   */
  make(text: string, at: number, call = this.source.callAt(at)): void {
    if (text === '') return
    this.runs.push({ at: this.length, origin: this.source.originOf(at), isMade: true, call })
    this.push(text)
  }

  copy(from: number, to: number, inCall?: (call: number) => number): void {
    if (from === to) return
    const { runs, text } = this.source
    for (let index = this.source.runIndex(from); index < runs.length; index++) {
      const { at, origin, isMade, call } = runs[index]!
      if (at >= to) break
      const skipped = Math.max(0, from - at)
      this.runs.push({
        at: this.length + Math.max(0, at - from),
        origin: isMade ? origin : origin + skipped,
        isMade,
        call: inCall === undefined ? call : inCall(call),
      })
    }
    this.push(text.slice(from, to))
  }

  private push(text: string): void {
    this.pieces.push(text)
    this.length += text.length
  }
}
