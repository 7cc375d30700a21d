/** Bytes of a stream to lines of text; a character may span chunks, a line too. */
import { StringDecoder } from 'node:string_decoder'

export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8')
  private rest = ''

  /** The lines that `chunk` completes, without their line ends. */
  push(chunk: Buffer): string[] {
    this.rest += this.decoder.write(chunk)
    const lines = this.rest.split('\n')
    this.rest = lines.pop() ?? ''
    return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  }

  /** What follows the last line end. */
  get partial(): string {
    return this.rest
  }
}
