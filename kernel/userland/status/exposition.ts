/** Prometheus' text format, version 0.0.4: families of samples, each with its help and type. */

export type Labels = Readonly<Record<string, string>>
export type Sample = readonly [value: number, labels?: Labels]
type Type = 'counter' | 'gauge' | 'histogram'

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What a histogram has: counts of buckets, not cumulative, one more than bounds. */
export interface HistogramSamples {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly total: number
}

export class Exposition {
  private readonly lines: string[] = []

  /** `name` without `_total`. */
  counter(name: string, help: string, ...samples: readonly Sample[]): this {
    return this.family(`${name}_total`, help, 'counter', samples)
  }

  gauge(name: string, help: string, ...samples: readonly Sample[]): this {
    return this.family(name, help, 'gauge', samples)
  }

  histogram(name: string, help: string, { bounds, counts, total }: HistogramSamples): this {
    this.head(name, help, 'histogram')
    let cumulative = 0
    for (const [index, count] of counts.entries()) {
      cumulative += count
      const bound = bounds[index]
      this.sample(`${name}_bucket`, [cumulative, { le: bound === undefined ? '+Inf' : `${bound}` }])
    }
    this.sample(`${name}_sum`, [total])
    this.sample(`${name}_count`, [cumulative])
    return this
  }

  text(): string {
    return `${this.lines.join('\n')}\n`
  }

  /** A family without samples is left out: it would say nothing. */
  private family(name: string, help: string, type: Type, samples: readonly Sample[]): this {
    if (samples.length === 0) return this
    this.head(name, help, type)
    for (const sample of samples) this.sample(name, sample)
    return this
  }

  private head(name: string, help: string, type: Type): void {
    this.lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }

  private sample(name: string, [value, labels = {}]: Sample): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
    this.lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${format(value)}`)
  }
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

function format(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/**
 * Every number of a record as a sample with its name, in snake case, as a label; those in `except`
 * are left out.
 */
export function samplesOf(record: object, label: string, except: readonly string[] = []): Sample[] {
  return Object.entries(record).flatMap(([name, value]) => {
    if (typeof value !== 'number' || except.includes(name)) return []
    return [[value, { [label]: snakeCase(name) }] as const]
  })
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
}
