/** Tells which counters of a record have moved since one last looked. */

export class CounterWatch {
  private readonly counters: Readonly<Record<string, number>>
  private readonly names: readonly string[]
  private readonly texts: readonly string[]
  private readonly seen: Float64Array

  /** `texts` says what it means when a counter moves; `path` is where status pages show it. */
  constructor(
    counters: Readonly<Record<string, number>>,
    texts: Readonly<Record<string, string>>,
    path: string,
  ) {
    this.counters = counters
    this.names = Object.keys(texts)
    this.texts = this.names.map((name) => `${texts[name]} [${path}.${name}]`)
    this.seen = new Float64Array(this.names.length)
    this.settle()
  }

  /** Appends the text of each counter that has moved. */
  collect(into: string[]): void {
    const { counters, names, seen } = this
    for (let index = 0; index < names.length; index++) {
      const value = counters[names[index]!]!
      if (value === seen[index]) continue
      seen[index] = value
      into.push(this.texts[index]!)
    }
  }

  /** Forgets what has moved. */
  settle(): void {
    const { counters, names, seen } = this
    for (let index = 0; index < names.length; index++) seen[index] = counters[names[index]!]!
  }
}
