/** The guest's serial console: every line kept, expectations over lines with a cursor. */
import type { Duplex } from 'node:stream'
import { LineSplitter } from './line-splitter.ts'
import type { PendingWaits, WaitOptions } from './pending-waits.ts'

export interface ExpectOptions extends WaitOptions {
  /**
   * `cursor`: after the line that the last expectation matched, or after the match in an unfinished
   * one (the default). `start`: all of it.
   */
  from?: 'cursor' | 'start'
}

export class GuestConsole {
  readonly lines: string[] = []
  private readonly stream: Duplex
  private readonly waits: PendingWaits
  private readonly splitter = new LineSplitter()
  private readonly listeners = new Set<() => void>()
  /**
   * Where the next expectation starts: behind the last match if its line had no end yet, else on
   * the next line.
   */
  private cursor = { line: 0, column: 0 }

  constructor(stream: Duplex, waits: PendingWaits, onLine?: (line: string) => void) {
    this.stream = stream
    this.waits = waits
    stream.on('data', (chunk: Buffer) => {
      const lines = this.splitter.push(chunk)
      for (const line of lines) {
        this.lines.push(line)
        onLine?.(line)
      }
      for (const listener of [...this.listeners]) listener()
    })
  }

  /** The first line (an unfinished one included) that matches; rejects with GuestWaitError. */
  async expect(pattern: string | RegExp, options: ExpectOptions = {}): Promise<RegExpMatchArray> {
    const expression =
      typeof pattern === 'string'
        ? new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
        : pattern
    let { line, column } = options.from === 'start' ? { line: 0, column: 0 } : this.cursor
    const scan = (): RegExpMatchArray | undefined => {
      for (; line < this.lines.length; line++, column = 0) {
        const match = this.lines[line]!.slice(column).match(expression)
        if (match === null) continue
        this.cursor = { line: line + 1, column: 0 }
        return match
      }
      const match = this.splitter.partial.slice(column).match(expression)
      if (match === null) return undefined
      this.cursor = { line, column: column + (match.index ?? 0) + match[0].length }
      return match
    }
    return this.waits.wait<RegExpMatchArray>(
      `${String(pattern)} on the console`,
      options,
      (answer) => {
        const listener = (): void => {
          const match = scan()
          if (match !== undefined) answer(match)
        }
        this.listeners.add(listener)
        listener()
        return () => this.listeners.delete(listener)
      },
    )
  }

  /** Types text into the serial port. */
  send(text: string): void {
    this.stream.write(text)
  }

  /**
   * Stops reading, as a reader does who hangs; QEMU then takes from the guest what its buffers hold
   * and no more.
   */
  pause(): void {
    this.stream.pause()
  }

  /** Reads again. */
  resume(): void {
    this.stream.resume()
  }

  get text(): string {
    return [...this.lines, this.splitter.partial].join('\n')
  }

  /** The last `count` lines. */
  tail(count = 40): string {
    const partial = this.splitter.partial
    const all = partial === '' ? this.lines : [...this.lines, partial]
    return all.slice(-count).join('\n')
  }
}
