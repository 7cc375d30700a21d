/** Keeps many records, of every kind of value that has memory of its own, and adds them up. */
const COUNT = 150_000

interface Kept {
  readonly place: number
  readonly half: number
  readonly text: string
  readonly large: bigint
  readonly tag: symbol
  readonly list: readonly number[]
  tell(): number
}

const kept: Kept[] = []
for (let place = 0; place < COUNT; place++) {
  kept.push({
    place,
    half: place / 2,
    text: `kept beyond ${place}`,
    large: BigInt(place) << 70n,
    tag: Symbol(place),
    list: [place, -place],
    tell: () => place,
  })
}
let sum = 0
let large = 0n
let letters = 0
for (const { place, half, text, large: number, tag, list, tell } of kept) {
  if (tag.description !== String(place)) throw new Error(`${String(tag)} is not ${place}`)
  sum += half + list[0]! + list[1]! + tell()
  large += number
  letters += text.length
}
console.info(`${kept.length} add up to ${sum}, ${large >> 70n} and ${letters}`)
