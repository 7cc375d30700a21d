/** DNS by DHCPv6 in virtual time, answered by hand (RFC 8415 §16.10, §18.2.6, §21). */
import { beforeEach, describe, expect, it } from 'vitest'
import { DhcpLab } from '../../../../support/dhcp-lab.ts'
import { be16, be32, concat, ethernet, ip, ipv6, udp } from '../../../../support/frames.ts'
import { advertisement, ROUTER_MAC } from '../../../../support/router-messages.ts'

const OUR_LINK_LOCAL = 'fe80::5054:ff:fe12:3456'
const SERVER = 'fe80::53'
const DUID = [0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56]
const SERVER_OPTION = [2, [0, 3, 0, 1, 1, 2, 3, 4, 5, 6]] as const
type Option = readonly [number, readonly number[]]

let lab: DhcpLab
beforeEach(() => {
  lab = new DhcpLab({ dhcp: false, slaac: true })
  lab.run(5)
})

interface Request {
  readonly atMs: number
  readonly transactionId: number
  readonly bytes: Uint8Array
}

/** Information-requests among what was sent; throws at one that RFC 8415 does not allow. */
function requests(): Request[] {
  return lab.frames
    .filter((frame) => frame[20] === 17 && frame[56] === 2 && frame[57] === 35)
    .map((frame) => {
      const bytes = frame.subarray(62)
      expect([...frame.subarray(22, 54)]).toEqual([...ip(OUR_LINK_LOCAL), ...ip('ff02::1:2')])
      expect(bytes[0]).toBe(11)
      // Client identifier, elapsed time, and a request of DNS servers, domains, refresh time and
      // INF_MAX_RT.
      expect([...bytes.subarray(4, 18)]).toEqual([0, 1, 0, 10, ...DUID])
      expect([...bytes.subarray(18, 22)]).toEqual([0, 8, 0, 2])
      expect([...bytes.subarray(24)]).toEqual([0, 6, 0, 8, 0, 23, 0, 24, 0, 32, 0, 83])
      return { atMs: 0, transactionId: (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!, bytes }
    })
}

function reply(
  transactionId: number,
  options: readonly Option[],
  fields: { type?: number; cut?: number } = {},
): Uint8Array {
  const body = options.flatMap(([code, value]) => [...be16(code), ...be16(value.length), ...value])
  const whole = [fields.type ?? 7, ...be32(transactionId).slice(1), ...body]
  const payload = whole.slice(0, whole.length - (fields.cut ?? 0))
  return concat(
    ethernet('52:54:00:12:34:56', ROUTER_MAC, 0x86dd),
    ipv6(
      { source: SERVER, destination: OUR_LINK_LOCAL, nextHeader: 17 },
      udp(SERVER, OUR_LINK_LOCAL, 547, 546, payload),
    ),
  )
}

const GOOD: Option[] = [[1, DUID], SERVER_OPTION, [23, ip('2001:db8::53')]]
const other = (flags = 0x40) => lab.inject(advertisement({ flags }))

describe('a router that says that servers know more', () => {
  it.each([0x40, 0x80])('has them asked within a second (flags %i)', (flags) => {
    lab.run(2_000)
    expect(requests()).toEqual([])
    other(flags)
    lab.run(1_000)
    expect(requests()).toHaveLength(1)
  })

  it('has their answer taken, and nobody asked again for a day', () => {
    other()
    lab.run(1_000)
    const { transactionId } = requests()[0]!
    const names = [3, 0x6c, 0x61, 0x6e, 0]
    lab.inject(reply(transactionId, [...GOOD, [24, names]]))
    expect(lab.nameServers).toEqual(['2001:db8::53'])
    expect(lab.stack.interface.nameServers.search).toEqual(['lan'])
    other()
    lab.run(86_300_000)
    expect(requests()).toHaveLength(1)
    lab.run(200_000)
    expect(requests().length).toBeGreaterThan(1)
  })

  it('has them asked again after about 1, 2, 4 s and so on while they are silent', () => {
    other()
    const times: number[] = []
    for (let count = 0; count < 8; ) {
      lab.runUntil(lab.stack.nextDeadlineMs(lab.nowMs))
      if (requests().length > count) {
        count = requests().length
        times.push(lab.nowMs)
      }
    }
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!)
    for (const [index, gap] of gaps.entries()) {
      if (index === 0) expect(Math.abs(gap - 1_000)).toBeLessThanOrEqual(100)
      else expect(Math.abs(gap / gaps[index - 1]! - 2)).toBeLessThan(0.11)
    }
    expect(new Set(requests().map(({ transactionId }) => transactionId)).size).toBe(1)
    const elapsed = requests().map(({ bytes }) => (bytes[22]! << 8) | bytes[23]!)
    expect(elapsed[0]).toBe(0)
    expect(elapsed[3]).toBe(Math.floor((times[3]! - times[0]!) / 10))
  })

  it.each([
    ['600 s at least', 1, 600],
    ['what the server says', 3_000, 3_000],
  ])('has them asked again after %s', (_what, given, expected) => {
    other()
    lab.run(1_000)
    lab.inject(reply(requests()[0]!.transactionId, [...GOOD, [32, be32(given)]]))
    lab.run(expected * 1000 - 100)
    expect(requests()).toHaveLength(1)
    lab.run(1_200)
    expect(requests().length).toBeGreaterThan(1)
  })

  it.each([
    ['have told', true],
    ['were asked', false],
  ])('has them asked anew when the link comes up on which they %s (§18.2.12)', (_what, isTold) => {
    other()
    lab.run(1_000)
    const [first] = requests()
    if (isTold) lab.inject(reply(first!.transactionId, [...GOOD, [32, be32(0xffffffff)]]))
    lab.device.link.isUp = false
    lab.run(100)
    const before = requests().length
    lab.device.link.isUp = true
    lab.run(1_100)
    const { transactionId } = requests()[before]!
    expect(transactionId).not.toBe(first!.transactionId)
    lab.inject(reply(transactionId, [...GOOD.slice(0, 2), [23, ip('2001:db8::99')]]))
    expect(lab.nameServers).toEqual(['2001:db8::99'])
  })

  it('has nobody asked when the link comes up if no router has said so', () => {
    lab.device.link.isUp = false
    lab.run(100)
    lab.device.link.isUp = true
    lab.run(10_000)
    expect(requests()).toEqual([])
  })

  it('never, when the server says so', () => {
    other()
    lab.run(1_000)
    lab.inject(reply(requests()[0]!.transactionId, [...GOOD, [32, be32(0xffffffff)]]))
    lab.run(1_000 * 86_400_000)
    expect(requests()).toHaveLength(1)
  })
})

describe('an answer that is none changes nothing', () => {
  it.each([
    ['another transaction', (id: number) => reply(id ^ 1, GOOD)],
    ['another client', (id: number) => reply(id, [[1, [...DUID.slice(0, 9), 0]], SERVER_OPTION])],
    ['no client', (id: number) => reply(id, GOOD.slice(1))],
    [
      'no server',
      (id: number) =>
        reply(id, [
          [1, DUID],
          [23, ip('2001:db8::53')],
        ]),
    ],
    ['an advertisement', (id: number) => reply(id, GOOD, { type: 2 })],
    ['an option past the end', (id: number) => reply(id, GOOD, { cut: 3 })],
    ['half an option', (id: number) => reply(id, [...GOOD, [24, []]], { cut: 2 })],
    ['a status of failure', (id: number) => reply(id, [...GOOD, [13, [0, 1]]])],
    [
      'an address of 15 octets',
      (id: number) => reply(id, [...GOOD.slice(0, 2), [23, new Array<number>(15).fill(1)]]),
    ],
    ['names without end', (id: number) => reply(id, [...GOOD, [24, [3, 0x61]]])],
  ])('%s', (_what, answer) => {
    other()
    lab.run(1_000)
    const { transactionId } = requests()[0]!
    lab.inject(answer(transactionId))
    expect(lab.nameServers).toEqual([])
    const { drops } = lab.configuration.information!.statistics
    expect(Object.values(drops).reduce((sum, count) => sum + count)).toBe(1)
    lab.inject(reply(transactionId, GOOD))
    expect(lab.nameServers).toEqual(['2001:db8::53'])
  })

  it('what is of another transaction is not even looked at', () => {
    other()
    lab.run(1_000)
    const { transactionId } = requests()[0]!
    const information = lab.configuration.information!
    const options = new Array<number[]>(16_000).fill([0, 99, 0, 0]).flat()
    // The last option goes beyond the end: who reads it all says that it is malformed.
    const payload = [7, ...be32(transactionId ^ 1).slice(1), ...options, 0, 1, 0, 9]
    information.receive(Uint8Array.from(payload), lab.nowMs)
    information.receive(Uint8Array.of(7, 0), lab.nowMs)
    expect(information.statistics.drops).toMatchObject({ notForUs: 2, malformed: 0 })
  })

  it('one that nobody waits for, and servers that are groups or loopback', () => {
    lab.inject(reply(0, GOOD))
    expect(lab.nameServers).toEqual([])
    other()
    lab.run(1_000)
    const servers = [...ip('ff02::53'), ...ip('::1'), ...ip('2001:db8::54')]
    lab.inject(reply(requests()[0]!.transactionId, [...GOOD.slice(0, 2), [23, servers]]))
    expect(lab.nameServers).toEqual(['2001:db8::54'])
  })
})
