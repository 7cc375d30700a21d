/** Bytes of a stream to lines of text; a character may span chunks, a line too. */
import { StringDecoder } from 'node:string_decoder'

/** A guest that never ends its line must not fill this process's memory. */
const MAX_LINE = 1 << 20

export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8')
  private rest = ''

  /**
   * The lines that `chunk` completes, without their line ends; one that grows beyond a mebibyte is
   * broken.
   */
  push(chunk: Buffer): string[] {
    // Only what is new is searched: the rest holds no line end.
    const [first = '', ...others] = this.decoder.write(chunk).split('\n')
    this.rest += first
    const lines: string[] = []
    for (const next of others) {
      lines.push(this.rest.endsWith('\r') ? this.rest.slice(0, -1) : this.rest)
      this.rest = next
    }
    while (this.rest.length > MAX_LINE) {
      lines.push(this.rest.slice(0, MAX_LINE))
      this.rest = this.rest.slice(MAX_LINE)
    }
    return lines
  }

  /** What follows the last line end. */
  get partial(): string {
    return this.rest
  }
}
