/** An app that throws while it starts, three calls deep. */

function innermost(): never {
  throw new TypeError('broken on purpose')
}

function middle(): never {
  return innermost()
}

middle()
