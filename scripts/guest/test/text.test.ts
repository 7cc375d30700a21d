/**
 * The words of a report: columns, units, and the ready event that is checked before it is shown.
 */
import { describe, expect, it } from 'vitest'
import { checkReadyEvent, listensOn, reachableAddresses } from '../ready-event.ts'
import { RunError } from '../run-error.ts'
import { formatBytes, formatTable, gigabitsPerSecond } from '../text-table.ts'

const ready = {
  event: 'ready',
  ns: 5,
  bootNs: { entry: 0, main: 4 },
  pci: '00:02.0',
  features: { offered: ['CSUM'], negotiated: ['CSUM'], refused: {} },
  segmentation: { tcpv4: 65535 },
  checksum: { tcp: 'none' },
  mac: '52:54:00:12:34:56',
  mtu: 1500,
  queuePairs: 1,
  addresses: ['fe80::1/64', '10.0.0.2/24', 'fd00::2/64'],
  listening: [{ port: 80, protocol: 'tcp' }],
  network: { pci: '00:02.0', mac: '52:54:00:12:34:56', mtu: 1500, addresses: ['10.0.0.2/24'] },
  noNetwork: null,
}

describe('formatTable', () => {
  it('aligns the first column left and the others right', () => {
    expect(
      formatTable(
        ['', 'n'],
        [
          ['a', '10'],
          ['long', '9'],
        ],
      ).split('\n'),
    ).toEqual(['       n', '────  ──', 'a     10', 'long   9'])
  })
})

describe('units', () => {
  it('are binary for sizes and decimal for rates', () => {
    expect(formatBytes(64 << 20)).toBe('64 MiB')
    expect(formatBytes(1536)).toBe('1.5 KiB')
    expect(gigabitsPerSecond(125_000_000, 1000)).toBe(1)
  })
})

describe('checkReadyEvent', () => {
  it('passes a whole event, also one without a network device', () => {
    expect(checkReadyEvent(ready)).toBe(ready)
    const noNetwork = { reason: 'no-device', message: 'no network device' }
    const without = { ...ready, pci: null, mac: null, mtu: null, network: null, noNetwork }
    expect(checkReadyEvent(without)).toBe(without)
  })

  it.each(Object.keys(ready))('names %s when it is missing', (field) => {
    expect(() => checkReadyEvent({ ...ready, [field]: undefined })).toThrow(field)
  })

  it('gives the addresses that others can reach and the ports', () => {
    expect(reachableAddresses(checkReadyEvent(ready))).toEqual({
      ipv4: '10.0.0.2',
      ipv6: 'fd00::2',
    })
    expect(listensOn(checkReadyEvent(ready), 80)).toBe(true)
    expect(listensOn(checkReadyEvent(ready), 81)).toBe(false)
  })
})

describe('RunError', () => {
  it('is one line, whatever its cause held', () => {
    expect(new RunError('Cannot: a\nb', 'do this').line).toBe('Cannot: a b. Next: do this')
  })
})
