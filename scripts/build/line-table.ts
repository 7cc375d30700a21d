/** Offsets of a text as lines and columns, both from 0, and back. */

export class LineTable {
  private readonly starts: number[] = [0]

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.starts.push(at + 1)
    }
  }

  positionOf(offset: number): { line: number; column: number } {
    let low = 0
    let high = this.starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.starts[middle]! <= offset) low = middle
      else high = middle
    }
    return { line: low, column: offset - this.starts[low]! }
  }

  offsetOf(line: number, column: number): number {
    return (this.starts[line] ?? Number.NaN) + column
  }
}
