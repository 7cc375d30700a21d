/** QEMU's packet dumps: a vnet header before a frame is taken off, and only that. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { withoutVnetHeader } from '../src/index.ts'

const ARP = Buffer.from(`ffffffffffff5254001234560806${'00'.repeat(28)}`, 'hex')
const IPV6 = Buffer.from(`33330000000152540012345686dd60${'00'.repeat(39)}`, 'hex')

function taken(bytes: Buffer): string {
  return withoutVnetHeader({ timeMs: 1, length: bytes.length, bytes }).bytes.toString('hex')
}

it('leaves a frame that begins with its addresses alone, whatever they are', () => {
  const macs = fc.uint8Array({ minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(macs, fc.constantFrom('0800', '0806', '86dd'), (addresses, type) => {
      const frame = Buffer.concat([addresses, Buffer.from(`${type}${'11'.repeat(46)}`, 'hex')])
      expect(taken(frame)).toBe(frame.toString('hex'))
    }),
  )
})

it.each([
  ['12 octets, nothing to do (virtio 1.2 §5.1.6)', '000000000000000000000000'],
  ['10 octets, before the guest has negotiated', '00000000000000000000'],
  ['NEEDS_CSUM and TCPV4', '0101420040052200100000000000'.slice(0, 24)],
  ['TCPV6 with ECN', '018442004005360010000000'],
])('takes a header of %s off', (_what, header) => {
  for (const frame of [ARP, IPV6]) {
    const dumped = Buffer.concat([Buffer.from(header, 'hex'), frame])
    expect(taken(dumped)).toBe(frame.toString('hex'))
    const length = dumped.length + 100
    const cut = withoutVnetHeader({ timeMs: 1, length, bytes: dumped })
    expect(cut.length).toBe(length - header.length / 2)
  }
})

it('leaves what it does not understand as it is', () => {
  expect(taken(Buffer.from('0102', 'hex'))).toBe('0102')
  const odd = `ff${'00'.repeat(11)}${ARP.toString('hex')}`
  expect(taken(Buffer.from(odd, 'hex'))).toBe(odd)
})
