/** The comparison with Linux as a table. */
import { formatTable } from '../guest/text-table.ts'
import { type ComparedRow, GUEST_NAMES, type GuestName } from './comparison.ts'

/** What was compared, for people. */
export interface ComparisonFacts {
  readonly runs: number
  /** E.g. `6.12.43+deb13-cloud-amd64`. */
  readonly linuxRelease: string
  readonly memoryMiB: Readonly<Record<GuestName, number>>
}

export function formatComparison(rows: readonly ComparedRow[], facts: ComparisonFacts): string {
  const header = [
    'Eremite beside Linux',
    ...GUEST_NAMES,
    'unit',
    'times Linux',
    'per CPU',
    'QEMU CPU',
    'peer CPU',
  ]
  const lines: string[][] = []
  let group = ''
  for (const row of rows) {
    if (row.group !== group) lines.push([row.group])
    group = row.group
    lines.push([
      `  ${row.label}`,
      ...GUEST_NAMES.map((name) => row.median[name].toFixed(row.digits)),
      row.unit,
      formatRatio(row.ratio),
      row.ratioPerProcessor === undefined ? '' : formatRatio(row.ratioPerProcessor),
      percentages(row.guestLoad),
      percentages(row.peerLoad),
    ])
  }
  const { memoryMiB } = facts
  return [
    formatTable(header, lines),
    '',
    `Linux ${facts.linuxRelease} as Debian ships it, with iperf3, nginx and inetd: same QEMU, machine, device and TAP,`,
    `one processor each; -m ${memoryMiB.Linux} where Eremite has -m ${memoryMiB.Eremite}. Both guests run at the same time and are measured in turn.`,
    `Medians of ${facts.runs} runs. "times Linux" is the median of the runs' own ratios, turned so that above 1 Eremite is`,
    'the better one; "per CPU" the same for each second of QEMU’s processor time, which moves less on a busy machine.',
    'QEMU and peer CPU, Eremite / Linux: processor time over elapsed time.',
  ].join('\n')
}

/** Two digits that mean something: 0.61, 1.8, 15. */
export function formatRatio(ratio: number): string {
  if (ratio >= 9.95) return ratio.toFixed(0)
  return ratio.toFixed(ratio >= 1.995 ? 1 : 2)
}

function percentages(loads: Readonly<Partial<Record<GuestName, number>>>): string {
  if (Object.keys(loads).length === 0) return ''
  const percent = (name: GuestName): string =>
    loads[name] === undefined ? '–' : String(Math.round(loads[name] * 100))
  return `${GUEST_NAMES.map(percent).join(' / ')} %`
}
