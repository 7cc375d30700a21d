/** The report of make run: what was negotiated, in words, and of the rest why not. */
import { describe, expect, it } from 'vitest'
import type { BootedGuest } from '../boot-guest.ts'
import type { RunNetwork } from '../network.ts'
import type { ReadyEvent } from '../ready-event.ts'
import { formatReport } from '../report.ts'

const COMMON = ['VERSION_1', 'MRG_RXBUF', 'EVENT_IDX', 'INDIRECT_DESC']
const OFFLOADS = ['CSUM', 'HOST_TSO4', 'HOST_TSO6', 'HOST_ECN', 'GUEST_CSUM']
const COALESCING = ['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN']

function report(
  features: ReadyEvent['features'],
  pci: string | null = '00:02.0',
  columns?: number,
): string[] {
  const ready: ReadyEvent = {
    event: 'ready',
    ns: 5e6,
    bootNs: { entry: 0, ready: 5e6 },
    pci,
    features,
    segmentation: {},
    checksum: {},
    mac: '52:54:00:12:34:56',
    mtu: 1500,
    queuePairs: 1,
    addresses: [],
    listening: [],
    network: null,
    noNetwork: null,
  }
  const text = formatReport(
    { ready, bootMs: 100 } as BootedGuest,
    { description: ['somewhere'] } as unknown as RunNetwork,
    { accelerator: 'tcg', why: 'no KVM' },
    'q35',
    columns,
  )
  return text.split('\n')
}

describe('formatReport', () => {
  it('says of each negotiated feature what it is good for', () => {
    const all = [...COMMON, ...OFFLOADS, ...COALESCING]
    const lines = report({ offered: all, negotiated: all, refused: {} })
    const start = lines.findIndex((line) => line.startsWith('  negotiated '))
    expect(lines[start]).toMatch(/^ {2}negotiated {4}CSUM +the device fills in the checksums/)
    for (const name of all)
      expect(lines.join('\n')).toMatch(new RegExp(`^ {16}${name} +\\w|negotiated +${name}`, 'm'))
    // Texts stand in one column, their second lines too.
    const column = lines[start]!.indexOf('the device')
    const more = lines[lines.findIndex((line) => line.includes('HOST_TSO4')) + 1]!
    expect(more).toMatch(new RegExp(`^ {${column}}\\S`))
    expect(lines.some((line) => /not offered|left out/.test(line))).toBe(false)
  })

  it.each([
    [undefined, 100],
    [300, 100],
    [92, 92],
    [40, 80],
  ])('on a terminal of %s columns is at most %s wide', (columns, width) => {
    const features = { offered: COMMON, negotiated: COMMON, refused: {} }
    const lengths = report(features, undefined, columns).map((line) => line.length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(width)
    expect(Math.max(...lengths)).toBeGreaterThan(width - 20)
  })

  it('says once why features are missing, and why offered ones were left out', () => {
    const text = report({
      offered: [...COMMON, 'GUEST_UFO', 'HOST_UFO'],
      negotiated: COMMON,
      refused: { GUEST_UFO: 'not used by this driver', HOST_UFO: 'not used by this driver' },
    })
      .join(' ')
      .replace(/\s+/g, ' ')
    expect(text).toMatch(
      /not offered CSUM HOST_TSO4 .*: the back end has no vnet header .* use NET=tap/,
    )
    expect(text.match(/vnet header/g)).toHaveLength(1)
    expect(text).toContain('left out GUEST_UFO HOST_UFO: USO cuts large UDP frames into datagrams')
  })

  it('has nothing to explain without a device', () => {
    const text = report({ offered: [], negotiated: [], refused: {} }, null).join('\n')
    expect(text).toMatch(/device +none/)
    expect(text).not.toMatch(/not offered|negotiated/)
  })
})
