/**
 * What /stats says: facts that stay as they are and are put into words once, and counters that are
 * read each time.
 */
import type { Readings } from './app-system.ts'
import type { EntropyPool } from './entropy/entropy-pool.ts'
import type { EventLoop } from './event-loop.ts'
import type { Platform } from './hal/platform.ts'
import type { Interrupts } from './interrupts.ts'

type Fields = Record<string, unknown>

export class StatisticsReport {
  private readonly readFacts: () => Fields
  private readonly readCounters: () => Fields
  readonly readings: () => Readings
  /** Made when first asked for. */
  private facts: Fields | null = null
  private factsText = ''

  /**
   * `readFacts` is called once, `readCounters` for every report; both return at least one field.
   */
  constructor(readFacts: () => Fields, readCounters: () => Fields, readings: () => Readings) {
    this.readings = readings
    this.readFacts = readFacts
    this.readCounters = readCounters
  }

  object(): Fields {
    if (this.facts === null) this.facts = this.readFacts()
    return { ...this.facts, ...this.readCounters() }
  }

  /** JSON of `object()`. */
  text(): string {
    if (this.facts === null) this.facts = this.readFacts()
    if (this.factsText === '') this.factsText = JSON.stringify(this.facts).slice(0, -1)
    return `${this.factsText},${JSON.stringify(this.readCounters()).slice(1)}`
  }
}

export function platformCounters(
  platform: Pick<Platform, 'monotonicNs' | 'memoryUsage'>,
  loop: Pick<EventLoop, 'turns' | 'sleeps' | 'polls' | 'sleptNs'>,
  interrupts: Pick<Interrupts, 'counts'>,
  entropy: Pick<EntropyPool, 'sources' | 'reseeds'> | null,
): Fields {
  return {
    uptimeNs: platform.monotonicNs(),
    memory: platform.memoryUsage(),
    loop: { turns: loop.turns, sleeps: loop.sleeps, polls: loop.polls, sleptNs: loop.sleptNs },
    interrupts: interrupts.counts(),
    entropy: { sources: entropy?.sources ?? [], reseeds: entropy?.reseeds ?? 0 },
  }
}
