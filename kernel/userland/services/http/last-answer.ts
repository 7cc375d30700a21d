/**
 * The last short answer to the head that is known, whole: whoever asks for the same again in the
 * same second is answered with it.
 */
import { dateField } from '../../http/date-field.ts'
import type { Readable } from '../../http/known-head.ts'

export class LastAnswer {
  /** Whether the connection goes on after it. */
  keepAlive = false
  private bytes: Uint8Array | null = null
  private read: Readable | null = null
  private date = ''
  /** Made last, for a head that is still to be named. */
  private made: Uint8Array | null = null
  /** Not after that: a second may begin meanwhile. */
  private madeDate = ''

  /** Head and content of an answer that is the same whenever it is asked for. */
  noteMade(bytes: Uint8Array): void {
    this.made = bytes
  }

  /** Before an answer that is to be noted. */
  forgetMade(): void {
    this.made = null
    this.madeDate = dateField()
  }

  /** What was made since, if anything, is the answer to what `read` says, and to nothing more. */
  noteAsked(read: Readable, keepAlive: boolean): void {
    const { made } = this
    this.made = null
    if (made === null || !('keepAlive' in read.framing) || read.framing.keepAlive !== keepAlive) {
      return
    }
    this.bytes = made
    this.read = read
    this.keepAlive = keepAlive
    this.date = this.madeDate
  }

  /** The whole answer, of status 200, that nobody writes to; null = it is not known. */
  find(read: Readable): Uint8Array | null {
    return read === this.read && dateField() === this.date ? this.bytes : null
  }
}
