/**
 * Plays one scenario against two implementations of an interface, ours and Node's, and returns what
 * each of them showed.
 */

/** Tells the facts that are compared. */
export type Tell = (...values: unknown[]) => void

/** What `play` tells of an implementation; the name of what it throws is a fact too. */
export async function factsOf<Kind>(
  kind: Kind,
  play: (kind: Kind, tell: Tell) => unknown,
): Promise<unknown[][]> {
  const facts: unknown[][] = []
  try {
    await play(kind, (...values) => facts.push(values))
  } catch (error) {
    facts.push(['throws', (error as Error).name])
  }
  return facts
}
