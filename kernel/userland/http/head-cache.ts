/**
 * Heads that were read before: clients repeat theirs to the letter, and reading one costs far more
 * than looking it up.
 */
import { type Framing, frameRequest } from './framing.ts'
import type { Refusal } from './refusal.ts'
import { parseRequestHead, type RequestHead } from './request-head.ts'

/** A request as its head says, or why it is refused. Never changed once made. */
export type ReadHead =
  | { readonly head: RequestHead; readonly framing: Framing | Refusal }
  | { readonly head: Refusal }

const CAPACITY = 64
/** Longer heads carry cookies and the like, and are not worth their memory. */
const LONGEST_TEXT = 1024

export class HeadCache {
  private readonly known = new Map<string, ReadHead>()

  get size(): number {
    return this.known.size
  }

  /** Reads a head without its final empty line. */
  read(text: string): ReadHead {
    const found = this.known.get(text)
    if (found !== undefined) return found
    const head = parseRequestHead(text)
    if ('status' in head) return { head }
    const result = { head, framing: frameRequest(head) }
    if (text.length <= LONGEST_TEXT) this.keep(text, result)
    return result
  }

  private keep(text: string, result: ReadHead): void {
    // Maps keep the order of insertion: the oldest goes.
    if (this.known.size === CAPACITY) {
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest)
        break
      }
    }
    this.known.set(text, result)
  }
}
