/** An app that recurses for ever. */

function deeper(depth: number): number {
  return deeper(depth + 1) + 1
}

deeper(0)
