/**
 * `node:stream`, as far as packages inherit from it: `Stream` itself, an EventEmitter with `pipe`.
 * What reads and writes by itself (Readable, Writable and their kin) is not here: web streams are.
 */
import { EventEmitter } from './events.ts'

interface Writer {
  readonly writable?: boolean
  write(piece: unknown): unknown
  end(): unknown
  emit(name: string, ...values: unknown[]): boolean
  on(name: string, callback: (...values: never[]) => unknown): unknown
}

class LegacyStream extends EventEmitter {
  static Stream: typeof LegacyStream

  /** Hands each piece on, and the end too; a target that says `false` is waited for. */
  pipe<Target extends Writer>(target: Target, options: { readonly end?: boolean } = {}): Target {
    const source = this as unknown as { pause?(): void; resume?(): void }
    this.on('data', (piece: unknown) => {
      if (target.writable !== false && target.write(piece) === false) source.pause?.()
    })
    target.on('drain', () => source.resume?.())
    if (options.end !== false) this.on('end', () => target.end())
    target.emit('pipe', this)
    return target
  }
}

/** Older packages call it as a function, `Stream.call(this)`. */
export const Stream = new Proxy(LegacyStream, { apply: () => undefined })
Stream.Stream = Stream

export default Stream
