/**
 * The benchmark's picture: Eremite beside Linux, and the offload against its absence, in SVG
 * without dependencies.
 */
import { type BenchResult, ratioOf } from './bench-table.ts'
import { type ComparedRow, GUEST_NAMES } from './comparison.ts'
import { type ComparisonFacts, formatRatio } from './comparison-table.ts'
import type { OffloadMode } from './measurement.ts'

const WIDTH = 920
const MARGIN = 32
const LABEL_END = 262
const BAR_START = 274
const BAR_END = 736
const RATIO_END = WIDTH - MARGIN
const BAR_HEIGHT = 12
const BAR_STEP = 15
const ROW_GAP = 11
const GROUP_GAP = 16

const INK = '#1f2733'
const FAINT = '#667085'
const RULE = '#e4e7ec'
const BETTER = '#12794b'
const COLORS = {
  Eremite: '#2563a8',
  Linux: '#e0912f',
  all: '#2563a8',
  rings: '#86a9d3',
  none: '#b6bec9',
} as const
const OFFLOAD_LABELS: Readonly<Record<OffloadMode, string>> = {
  all: 'all offloads',
  rings: 'none of them, same queues',
  none: 'offload=none',
}

export function drawResult(
  result: BenchResult,
  rows: readonly ComparedRow[],
  facts: ComparisonFacts,
): string {
  const picture = new Picture()
  const { memoryMiB, linuxRelease, runs } = facts
  picture.heading('Eremite beside Linux, in the same QEMU')
  picture.note(
    `TCG, one processor each, Eremite with ${memoryMiB.Eremite} MiB, Linux ${linuxRelease} with ${memoryMiB.Linux} MiB; medians of ${runs} runs side by side`,
  )
  picture.legend(
    GUEST_NAMES.map((name) => ({ color: COLORS[name], text: name })),
    'times as good as Linux',
  )
  for (const [group, members] of groupsOf(rows)) {
    const { unit, better } = members[0]!
    const scale = Math.max(...members.flatMap((row) => GUEST_NAMES.map((name) => row.median[name])))
    picture.group(group, `${unit}, ${better === 'more' ? 'longer' : 'shorter'} is better`)
    for (const row of members) {
      const bars = GUEST_NAMES.map((name) => ({
        color: COLORS[name],
        share: row.median[name] / scale,
        text: row.median[name].toFixed(row.digits),
      }))
      picture.row(row.label, bars, { text: `${formatRatio(row.ratio)}×`, isGood: row.ratio >= 1 })
    }
  }
  picture.space(30)
  picture.heading('What the offload is worth')
  picture.note('The same image over HTTP, with and without; every octet checked')
  const modes = ['all', 'rings', 'none'] as const
  picture.legend(
    modes.map((mode) => ({ color: COLORS[mode], text: OFFLOAD_LABELS[mode] })),
    'times offload=none',
  )
  picture.group('TCP throughput (HTTP)', 'Gbit/s, longer is better')
  const scale = Math.max(...result.transfers.map((row) => row.gigabitsPerSecond))
  for (const first of result.transfers.filter(({ offload }) => offload === 'all')) {
    const same = modes.flatMap(
      (mode) =>
        result.transfers.find(
          ({ direction, family, offload }) =>
            direction === first.direction && family === first.family && offload === mode,
        ) ?? [],
    )
    const bars = same.map((row) => ({
      color: COLORS[row.offload],
      share: row.gigabitsPerSecond / scale,
      text: row.gigabitsPerSecond.toFixed(2),
    }))
    const ratio = ratioOf(first, result.transfers)
    const label = `${first.direction}, ${first.family}`
    picture.row(label, bars, { text: `${formatRatio(ratio)}×`, isGood: ratio >= 1 })
  }
  return picture.finish()
}

function groupsOf(rows: readonly ComparedRow[]): Map<string, ComparedRow[]> {
  const groups = new Map<string, ComparedRow[]>()
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row])
  return groups
}

interface Bar {
  readonly color: string
  /** Of the scale, 0 to 1. */
  readonly share: number
  readonly text: string
}

/** Grows downwards, one element under the other. */
class Picture {
  private readonly parts: string[] = []
  private y = MARGIN

  heading(text: string): void {
    this.y += 14
    this.text(MARGIN, this.y, text, 'font-size="20" font-weight="bold"')
  }

  note(text: string): void {
    this.y += 22
    this.text(MARGIN, this.y, text, `fill="${FAINT}"`)
  }

  legend(entries: readonly { color: string; text: string }[], ratioTitle: string): void {
    this.y += 26
    let x = BAR_START
    for (const { color, text } of entries) {
      this.rectangle(x, this.y - 10, BAR_HEIGHT, color)
      this.text(x + 18, this.y, text)
      x += 48 + text.length * 7
    }
    this.text(RATIO_END, this.y, ratioTitle, `text-anchor="end" fill="${FAINT}"`)
  }

  group(title: string, unit: string): void {
    this.y += GROUP_GAP
    this.parts.push(
      `<path d="M${MARGIN} ${this.y}H${RATIO_END}" stroke="${RULE}" stroke-width="1"/>`,
    )
    this.y += 22
    this.text(MARGIN, this.y, title, 'font-weight="bold"')
    this.text(BAR_START, this.y, unit, `fill="${FAINT}"`)
    this.y += 12
  }

  row(label: string, bars: readonly Bar[], ratio: { text: string; isGood: boolean }): void {
    const height = bars.length * BAR_STEP
    const middle = this.y + height / 2 + 3
    this.text(LABEL_END, middle, label, 'text-anchor="end"')
    for (const [index, { color, share, text }] of bars.entries()) {
      const y = this.y + index * BAR_STEP
      const width = Math.max(2, share * (BAR_END - BAR_START))
      this.rectangle(BAR_START, y, width, color)
      this.text(BAR_START + width + 7, y + 10, text, 'font-size="12"')
    }
    const color = ratio.isGood ? BETTER : INK
    const style = `text-anchor="end" font-size="16" font-weight="bold" fill="${color}"`
    this.text(RATIO_END, middle + 2, ratio.text, style)
    this.y += height + ROW_GAP
  }

  space(height: number): void {
    this.y += height
  }

  finish(): string {
    const height = this.y + MARGIN / 2
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, 'Liberation Sans', Arial, sans-serif" font-size="13" fill="${INK}">`,
      '<rect width="100%" height="100%" fill="#fff"/>',
      ...this.parts,
      '</svg>',
      '',
    ].join('\n')
  }

  private text(x: number, y: number, text: string, attributes = ''): void {
    const place = `x="${round(x)}" y="${round(y)}"`
    this.parts.push(`<text ${place} ${attributes}>${escapeText(text)}</text>`)
  }

  private rectangle(x: number, y: number, width: number, color: string): void {
    const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${BAR_HEIGHT}"`
    this.parts.push(`<rect ${place} rx="2" fill="${color}"/>`)
  }
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
