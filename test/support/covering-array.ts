/**
 * Rows of settings in which every possible pair of values occurs: few where all combinations would
 * be thousands. The same factors always give the same rows.
 */

export type Factors = Readonly<Record<string, readonly unknown[]>>
export type Row<F extends Factors> = { readonly [K in keyof F]: F[K][number] }

/** Two values that cannot be together. */
export interface Exclusion<F extends Factors> {
  readonly why: string
  /** Of exactly two factors: the pair is impossible where both hold. */
  readonly when: { readonly [K in keyof F]?: (value: F[K][number]) => boolean }
}

/** A value by the places of its factor and of itself. */
interface Choice {
  readonly factor: number
  readonly value: number
}

/**
 * Greedy: each row takes up the first pair that no row has yet, and then for each factor in turn
 * the value that adds most pairs. Throws RangeError for a rule that is not about two factors, and
 * where no value of a factor may stand beside those chosen.
 */
export function coveringArray<F extends Factors>(
  factors: F,
  exclusions: readonly Exclusion<F>[] = [],
): Row<F>[] {
  const names = Object.keys(factors)
  const counts = names.map((name) => factors[name]!.length)
  const isPossible = pairRule(factors, names, exclusions)
  const missing = allPairs(counts, isPossible)
  const rows: Row<F>[] = []
  while (missing.size > 0) {
    const [first, second] = missing.values().next().value!
    const chosen = fillRow(counts, [first, second], { missing, isPossible })
    for (const [one, other] of pairsOf(chosen)) missing.delete(pairKey(one, other))
    rows.push(
      Object.fromEntries(
        names.map((name, factor) => [name, factors[name]![chosen[factor]!.value]]),
      ) as Row<F>,
    )
  }
  return rows
}

type PairRule = (one: Choice, other: Choice) => boolean
type MissingPairs = Map<string, readonly [Choice, Choice]>

function pairRule<F extends Factors>(
  factors: F,
  names: readonly string[],
  exclusions: readonly Exclusion<F>[],
): PairRule {
  for (const { why, when } of exclusions) {
    if (Object.keys(when).length !== 2) {
      throw new RangeError(`an exclusion must be about two factors, not as in "${why}"`)
    }
  }
  return (one, other) =>
    !exclusions.some(({ when }) =>
      [one, other].every(({ factor, value }) => {
        const name = names[factor]!
        return when[name]?.(factors[name]![value] as never) === true
      }),
    )
}

function allPairs(counts: readonly number[], isPossible: PairRule): MissingPairs {
  const missing: MissingPairs = new Map()
  const all = counts.map((count, factor) =>
    Array.from({ length: count }, (_, value): Choice => ({ factor, value })),
  )
  for (const [index, choices] of all.entries()) {
    for (const one of choices) {
      for (const other of all.slice(index + 1).flat()) {
        if (isPossible(one, other)) missing.set(pairKey(one, other), [one, other])
      }
    }
  }
  return missing
}

/** One choice for each factor, in their order. */
function fillRow(
  counts: readonly number[],
  given: readonly Choice[],
  { missing, isPossible }: { missing: MissingPairs; isPossible: PairRule },
): Choice[] {
  const chosen = [...given]
  for (const [factor, count] of counts.entries()) {
    if (chosen.some((it) => it.factor === factor)) continue
    let best: Choice | undefined
    let most = -1
    for (let value = 0; value < count; value++) {
      const candidate = { factor, value }
      if (!chosen.every((it) => isPossible(it, candidate))) continue
      const added = chosen.filter((it) => missing.has(pairKey(it, candidate))).length
      if (added <= most) continue
      best = candidate
      most = added
    }
    if (best === undefined) throw new RangeError(`no value of factor ${factor} is possible`)
    chosen.push(best)
  }
  return chosen.sort((one, other) => one.factor - other.factor)
}

function pairsOf(chosen: readonly Choice[]): (readonly [Choice, Choice])[] {
  return chosen.flatMap((one, index) =>
    chosen.slice(index + 1).map((other) => [one, other] as const),
  )
}

/** Whichever of the two comes first. */
function pairKey(one: Choice, other: Choice): string {
  const [low, high] = one.factor < other.factor ? [one, other] : [other, one]
  return `${low.factor}:${low.value} ${high.factor}:${high.value}`
}
