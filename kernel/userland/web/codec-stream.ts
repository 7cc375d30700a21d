/**
 * A stream that changes bytes by a codec: one step of bounded work and output at a time, each when
 * the reader wants more, so that neither what a peer sends nor what comes of it fills the memory.
 */
import { ReadableStream, WritableStream } from 'web-streams-polyfill'
import { yieldToNetwork } from './host-globals.ts'

export interface Codec {
  /** Most bytes of input that the next `push` may be given. */
  readonly stepBytes: number
  /** Throws TypeError at input that is malformed. */
  push(bytes: Uint8Array, emit: (output: Uint8Array) => void): void
  /** The input is over. Throws TypeError when that is too early. */
  finish(emit: (output: Uint8Array) => void): void
}

export interface CodecStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>
}

/** Input and output together after which the network gets its turn: some 40 ms, interpreted. */
const TURN_BYTES = 8192

export function createCodecStream(codec: Codec): CodecStream {
  const demand = new Demand()
  let output!: { enqueue(bytes: Uint8Array): void; close(): void; error(reason: unknown): void }
  let input!: { error(reason: unknown): void }
  let turnBytes = 0
  const emit = (bytes: Uint8Array) => {
    if (bytes.length === 0) return
    turnBytes += bytes.length
    demand.isThere = false
    output.enqueue(bytes)
  }
  const readable = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        output = controller
      },
      pull: () => demand.come(),
      cancel(reason) {
        input.error(reason)
        demand.come()
      },
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<ArrayBuffer | ArrayBufferView>({
    start(controller) {
      input = controller
      // An abort must not wait for a reader that never comes.
      controller.signal.addEventListener('abort', () => demand.come())
      demand.isGivenUp = () => controller.signal.aborted
    },
    async write(piece) {
      try {
        const bytes = viewOf(piece)
        for (let at = 0; at < bytes.length; ) {
          await demand.wait()
          if (demand.isGivenUp()) return
          const step = bytes.subarray(at, at + codec.stepBytes)
          at += step.length
          codec.push(step, emit)
          turnBytes += step.length
          if (turnBytes < TURN_BYTES) continue
          turnBytes = 0
          await yieldToNetwork()
        }
      } catch (error) {
        output.error(error)
        throw error
      }
    },
    close() {
      try {
        codec.finish(emit)
        output.close()
      } catch (error) {
        output.error(error)
        throw error
      }
    },
    abort: (reason) => output.error(reason),
  })
  return { readable, writable }
}

/** Whether the reader waits for more. */
class Demand {
  isThere = false
  isGivenUp: () => boolean = () => false
  private wake: (() => void) | null = null

  come(): void {
    this.isThere = true
    this.wake?.()
    this.wake = null
  }

  async wait(): Promise<void> {
    if (this.isThere) return
    await new Promise<void>((resolve) => {
      this.wake = resolve
    })
  }
}

function viewOf(piece: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece)
  if (!ArrayBuffer.isView(piece)) {
    throw new TypeError('Cannot convert: a piece is neither an ArrayBuffer nor a view of one')
  }
  return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
}
