/** The benchmark's picture: throughput as bars on a scale of its own, in SVG without dependencies. */
import { type BenchResult, label, ratioOf } from './bench-table.ts'

const WIDTH = 860
const LABEL_WIDTH = 270
const BAR_HEIGHT = 22
const ROW_HEIGHT = 32
const TOP = 64
const COLOURS = { all: '#2563a8', rings: '#7d9cc4', none: '#b0b7c0' } as const

export function drawResult(result: BenchResult, runs: number): string {
  const largest = Math.max(...result.transfers.map((row) => row.gigabitsPerSecond))
  const room = WIDTH - LABEL_WIDTH - 150
  const bars = result.transfers.map((row, index) => {
    const y = TOP + index * ROW_HEIGHT
    const width = Math.max(1, (row.gigabitsPerSecond / largest) * room)
    const ratio = row.offload !== 'none' ? `  (${ratioOf(row, result.transfers).toFixed(1)}×)` : ''
    const text = `${row.gigabitsPerSecond.toFixed(3)} Gbit/s${ratio}`
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${y + 16}" text-anchor="end">${escapeText(label(row))}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLOURS[row.offload]}"/>`,
      `<text x="${(LABEL_WIDTH + width + 8).toFixed(1)}" y="${y + 16}">${escapeText(text)}</text>`,
    ].join('\n')
  })
  const foot = TOP + result.transfers.length * ROW_HEIGHT + 24
  const facts = `boot to ready ${result.bootMs.toFixed(0)} ms · QEMU resident ${result.residentMiB.toFixed(0)} MiB with -m 64`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${foot + 34}" font-family="sans-serif" font-size="13" fill="#222">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="20" y="28" font-size="17" font-weight="bold">Eremite: throughput between host namespace and guest</text>`,
    `<text x="20" y="48" fill="#666">TCG, medians of ${runs} runs; × = against the same image with offload=none</text>`,
    ...bars,
    `<text x="20" y="${foot}">${escapeText(facts)}</text>`,
    `<text x="20" y="${foot + 20}" fill="#666">The comparison with a Linux guest comes with a later version.</text>`,
    '</svg>',
    '',
  ].join('\n')
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
