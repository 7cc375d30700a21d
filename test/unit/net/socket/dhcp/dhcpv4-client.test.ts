/**
 * The DHCPv4 client in virtual time against a server that throws at what RFC 2131 does not allow.
 */
import { describe, expect, it } from 'vitest'
import { Dhcpv4State } from '../../../../../net/socket/dhcp/dhcpv4-state.ts'
import { LEASED_IPV4, SERVER_IPV4, SERVER_MAC } from '../../../../fakes/strict-dhcp-server.ts'
import { DhcpLab } from '../../../../support/dhcp-lab.ts'
import { arp, be16, be32, concat, ethernet, ip } from '../../../../support/frames.ts'

const CIDR = `${LEASED_IPV4}/24`
/** When a client sends its request: labs begin at 5 s, and a frame takes 1 ms. */
const REQUESTED_MS = 5_002
const names = (lab: DhcpLab) => lab.server.take().map(({ name }) => name)

const LEASE_MS = 3_600_000

/** Of a lab whose client is bound: by what chance has T1 and T2 multiplied. */
function fuzzOf(lab: DhcpLab): number {
  return (lab.configuration.dhcp!.nextDeadlineMs - REQUESTED_MS) / (LEASE_MS / 2)
}

/** A lab whose client is bound. */
function bound(prepare: (lab: DhcpLab) => void = () => {}): DhcpLab {
  const lab = new DhcpLab()
  prepare(lab)
  lab.run(1_000)
  expect(lab.addresses).toEqual([CIDR])
  lab.server.take()
  return lab
}

describe('from nothing to a lease', () => {
  it('asks, takes the offer, probes the address and has it (RFC 2131 §3.1, RFC 5227 §2.1.1)', () => {
    const lab = new DhcpLab()
    lab.run(1_000)
    expect(names(lab)).toEqual(['discover', 'request'])
    expect(lab.events).toEqual(['bound'])
    expect(lab.addresses).toEqual([CIDR])
    expect(lab.routes).toEqual([`${CIDR} on the link`, `0.0.0.0/0 by ${SERVER_IPV4}`])
    expect(lab.nameServers).toEqual(['192.168.7.53', '192.168.7.54'])
    expect(lab.stack.interface.nameServers.search).toEqual(['lan.example'])
    const asked = lab.frames.filter((frame) => frame[12] === 8 && frame[13] === 6)
    const probes = asked.filter((frame) => frame.subarray(28, 32).every((octet) => octet === 0))
    expect(probes.length).toBe(3)
    // §2.3: announced once it is ours.
    expect([...asked.at(-1)!.subarray(28, 32)]).toEqual(ip(LEASED_IPV4))
  })

  it('has it within half a second of the first poll', () => {
    const lab = new DhcpLab()
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('hears offers that are unicast to an address it does not have yet (RFC 2131 §4.1)', () => {
    const lab = new DhcpLab()
    const { server } = lab
    const hear = server.hear.bind(server)
    server.hear = (frame, atMs) => {
      const before = server.heard.length
      if (hear(frame, atMs) === null) return null
      const message = server.heard[before]!
      expect(message.isBroadcastWanted).toBe(false)
      return server.answer(message, {
        name: message.name === 'discover' ? 'offer' : 'ack',
        destination: LEASED_IPV4,
        destinationMac: '52:54:00:12:34:56',
      })
    }
    lab.run(1_000)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('takes nothing but datagrams for its port before it has an address, and answers none of it', () => {
    const lab = new DhcpLab()
    lab.server.isSilent = true
    lab.run(10)
    lab.frames.length = 0
    const message = lab.server.heard[0]!
    const frame = lab.server.answer(message, {
      destination: '192.168.7.99',
      destinationMac: '52:54:00:12:34:56',
    })
    frame[37] = 7
    const { counters } = lab.stack.interface
    const before = counters.ipv4NotForUs
    lab.inject(frame)
    expect(counters.ipv4NotForUs).toBe(before + 1)
    expect(lab.frames).toEqual([])
  })

  it('asks again after 4, 8, 16, 32 and 64 s, each plus or minus one, and then every 64 s (§4.1)', () => {
    const lab = new DhcpLab({ seed: 7 })
    lab.server.isSilent = true
    lab.run(300_000)
    const times = lab.server.heard.map(({ atMs }) => atMs)
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!)
    for (const [index, expected] of [4, 8, 16, 32, 64, 64, 64].entries()) {
      expect(Math.abs(gaps[index]! - expected * 1000)).toBeLessThanOrEqual(1_000)
    }
    expect(new Set(gaps.map((gap) => gap % 1000)).size).toBeGreaterThan(4)
    // §4.4.1: the same transaction; from the third on asks for a broadcast.
    expect(new Set(lab.server.heard.map(({ transactionId }) => transactionId)).size).toBe(1)
    expect(lab.server.heard.map(({ isBroadcastWanted }) => isBroadcastWanted).slice(0, 4)).toEqual([
      false,
      false,
      true,
      true,
    ])
    expect(lab.server.heard[3]!.seconds).toBe(Math.floor((times[3]! - times[0]!) / 1000))
  })

  it('goes back to DISCOVER when a request is not answered four times (§3.1.5)', () => {
    const lab = new DhcpLab()
    lab.run(1)
    lab.server.isSilent = true
    lab.run(120_000)
    const heard = names(lab)
    expect(heard.slice(0, 6)).toEqual([
      ...['discover', 'request', 'request', 'request', 'request', 'discover'],
    ])
    lab.server.isSilent = false
    lab.run(70_000)
    expect(lab.addresses).toEqual([CIDR])
  })

  describe('with a lease, when its link has been away (RFC 2131 §3.2)', () => {
    const flap = (lab: DhcpLab) => {
      lab.run(20_000)
      lab.server.take()
      lab.device.link.isUp = false
      lab.run(100)
      lab.device.link.isUp = true
    }

    it('asks everybody whether its address is right there, and has its time anew', () => {
      const lab = new DhcpLab()
      flap(lab)
      lab.run(100)
      const [asked, ...others] = lab.server.take()
      expect(others).toEqual([])
      expect(asked).toMatchObject({ name: 'request', ciaddr: '0.0.0.0', source: '0.0.0.0' })
      expect(asked!.options.get(50)).toEqual(ip(LEASED_IPV4))
      expect(asked!.options.has(54)).toBe(false)
      const { state, nextDeadlineMs } = lab.configuration.dhcp!
      expect(state).toBe(Dhcpv4State.Bound)
      expect(nextDeadlineMs - asked!.atMs).toBeGreaterThan(1_620_000 - 3)
      expect(nextDeadlineMs - asked!.atMs).toBeLessThanOrEqual(1_800_000)
      expect(lab.addresses).toContain(CIDR)
    })

    it('gives it up where a server says that it is wrong, and asks for another', () => {
      const lab = new DhcpLab()
      flap(lab)
      lab.server.refuses = true
      lab.run(50)
      expect(lab.addresses).not.toContain(CIDR)
      lab.server.refuses = false
      lab.server.lease = '192.168.7.77'
      lab.run(20_000)
      expect(lab.addresses).toContain('192.168.7.77/24')
    })

    it('uses it on where nobody answers, until its time would have come anyway', () => {
      const lab = new DhcpLab()
      const renewAtMs = () => lab.configuration.dhcp!.nextDeadlineMs
      lab.run(20_000)
      const before = renewAtMs()
      lab.server.isSilent = true
      flap(lab)
      lab.run(120_000)
      expect(lab.server.take().map(({ name }) => name)).toEqual(new Array(4).fill('request'))
      expect(lab.addresses).toContain(CIDR)
      expect(renewAtMs()).toBe(before)
    })
  })

  it.each([
    ['says no to what it has offered', true],
    ['never acknowledges it', false],
  ])(
    'takes the lease of a second server where the first, who answers sooner, %s',
    (_what, isNo) => {
      const lab = new DhcpLab()
      const { server } = lab
      const hear = server.hear.bind(server)
      const other = '192.168.7.2'
      server.hear = (frame, atMs) => {
        const before = server.heard.length
        const answer = hear(frame, atMs)
        const message = server.heard[before]
        if (message?.name === 'discover') {
          const offer = server.answer(message, { server: other, yiaddr: '192.168.7.90' })
          lab.clock.after(20, () => lab.device.inject(offer))
          return answer
        }
        if (message?.name !== 'request') return answer
        const asked = message.options.get(54)?.join('.')
        if (asked !== other) return isNo ? server.answer(message, { name: 'nak' }) : null
        return server.answer(message, { name: 'ack', server: other, yiaddr: '192.168.7.90' })
      }
      lab.run(70_000)
      expect(lab.addresses).toEqual(['192.168.7.90/24'])
      expect(server.heard.filter(({ name }) => name === 'discover')).toHaveLength(2)
    },
  )

  it('takes the offer of one that has let it down when no other comes within half a second', () => {
    const lab = new DhcpLab()
    lab.server.refuses = true
    lab.run(100)
    lab.server.refuses = false
    lab.server.take()
    lab.run(1_000)
    expect(names(lab)).toEqual(['request'])
    expect(lab.addresses).toEqual([CIDR])
  })

  it('asks for a broadcast in the request, too, where only a broadcast has brought the offer', () => {
    const lab = new DhcpLab()
    const hear = lab.server.hear.bind(lab.server)
    // What is unicast to nobody does not come through.
    lab.server.hear = (frame, atMs) => {
      const before = lab.server.heard.length
      const answer = hear(frame, atMs)
      return lab.server.heard[before]?.isBroadcastWanted === true ? answer : null
    }
    lab.run(16_000)
    expect(names(lab)).toEqual(['discover', 'discover', 'discover', 'request'])
    expect(lab.addresses).toEqual([CIDR])
  })

  it.each([
    ['a request is out', 3],
    ['the address is probed', 100],
  ])('starts over when its link comes up while %s: that may be another network', (_what, atMs) => {
    const lab = new DhcpLab()
    lab.run(atMs)
    lab.device.link.isUp = false
    lab.run(10)
    lab.server.take()
    lab.server.lease = '192.168.7.77'
    lab.device.link.isUp = true
    lab.run(1_000)
    expect(names(lab)).toEqual(['discover', 'request'])
    expect(lab.addresses).toEqual(['192.168.7.77/24'])
  })

  it('starts over at once when its link comes up', () => {
    const lab = new DhcpLab()
    lab.device.link.isUp = false
    lab.run(30_000)
    expect(lab.server.heard).toEqual([])
    lab.device.link.isUp = true
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('puts a refusal behind it at once, and refusals in a row later and later', () => {
    const lab = new DhcpLab()
    lab.server.refuses = true
    lab.run(600_000)
    const discoveries = lab.server.heard.filter(({ name }) => name === 'discover')
    expect(discoveries[1]!.atMs - discoveries[0]!.atMs).toBeLessThan(100)
    expect(discoveries.length).toBeLessThan(16)
    expect(discoveries.at(-1)!.atMs - discoveries.at(-2)!.atMs).toBeGreaterThan(62_000)
    lab.server.refuses = false
    lab.run(70_000)
    expect(lab.addresses).toEqual([CIDR])
  })
})

describe('an address that somebody has (RFC 5227 §2.1.1, RFC 2131 §4.4.1)', () => {
  const owner = '52:54:00:00:00:77'
  const taken = (operation: number, sender: string, target: string) =>
    concat(
      ethernet('ff:ff:ff:ff:ff:ff', owner, 0x806),
      arp(operation, owner, sender, '00:00:00:00:00:00', target),
    )

  it('is declined, and the next is asked for ten seconds later', () => {
    const lab = new DhcpLab()
    lab.neighbors.set(LEASED_IPV4, owner)
    lab.run(5_000)
    expect(names(lab)).toEqual(['discover', 'request', 'decline'])
    expect(lab.addresses).toEqual([])
    expect(lab.events).toEqual(['declined'])
    lab.server.lease = '192.168.7.60'
    lab.run(6_000)
    const again = lab.server.heard[0]!
    expect(again.name).toBe('discover')
    expect(again.options.has(50)).toBe(false)
    expect(lab.addresses).toEqual(['192.168.7.60/24'])
  })

  it.each([
    ['a reply from it', taken(2, LEASED_IPV4, '192.168.7.9')],
    ['an announcement', taken(1, LEASED_IPV4, LEASED_IPV4)],
    ['a probe of another host for it', taken(1, '0.0.0.0', LEASED_IPV4)],
  ])('is known by %s', (_what, frame) => {
    const lab = new DhcpLab()
    lab.run(50)
    lab.inject(frame)
    expect(lab.events).toEqual(['declined'])
    lab.run(100)
    expect(names(lab)).toEqual(['discover', 'request', 'decline'])
  })

  it('is not known by our own probe that comes back with another source (§2.1.1)', () => {
    const lab = new DhcpLab()
    lab.run(50)
    const own = '52:54:00:12:34:56'
    lab.inject(
      concat(
        ethernet('ff:ff:ff:ff:ff:ff', owner, 0x806),
        arp(1, own, '0.0.0.0', '00:00:00:00:00:00', LEASED_IPV4),
      ),
    )
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('is not known by questions of others for it, nor by other addresses', () => {
    const lab = new DhcpLab()
    lab.run(50)
    lab.inject(taken(1, '192.168.7.9', LEASED_IPV4), taken(2, '192.168.7.9', '192.168.7.50'))
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })
})

describe('from lease to lease (RFC 2131 §4.4.5)', () => {
  it('renews at half of it, unicast from its address to its server', () => {
    const lab = bound()
    lab.runUntil(REQUESTED_MS + 1_620_000)
    expect(lab.server.heard).toEqual([])
    lab.run(181_000)
    const renewal = lab.server.heard[0]!
    expect(renewal).toMatchObject({
      ...{ name: 'request', source: LEASED_IPV4, destination: SERVER_IPV4, ciaddr: LEASED_IPV4 },
    })
    expect(lab.events).toEqual(['bound', 'renewed'])
    lab.run(3_600_000)
    expect(lab.addresses).toEqual([CIDR])
    expect(lab.events.filter((kind) => kind === 'renewed').length).toBe(3)
  })

  it('does so up to a tenth sooner, and what follows too, so that guests started together do not ask together', () => {
    const shares = Array.from({ length: 20 }, (_, seed) => {
      const lab = new DhcpLab({ seed: seed + 1 })
      lab.run(1_000)
      lab.server.take()
      lab.server.isSilent = true
      lab.run(LEASE_MS)
      const renewal = lab.server.heard[0]!
      const rebinding = lab.server.heard.find(({ destination }) => destination !== SERVER_IPV4)!
      return [renewal, rebinding].map(({ atMs }) => (atMs - REQUESTED_MS) / LEASE_MS)
    })
    for (const [index, least] of [0.5, 0.875].entries()) {
      const own = shares.map((share) => share[index]!)
      for (const share of own) expect(Math.abs(share - least * 0.95)).toBeLessThan(least * 0.0501)
      expect(Math.max(...own) - Math.min(...own)).toBeGreaterThan(least * 0.05)
    }
  })

  it('asks everybody from 0.875 of it on, takes another server and keeps address and connections', () => {
    const lab = bound()
    const rebindAtMs = REQUESTED_MS + LEASE_MS * 0.875 * fuzzOf(lab)
    lab.server.isSilent = true
    lab.runUntil(rebindAtMs - 10_000)
    const renewals = lab.server.take()
    expect(new Set(renewals.map(({ destination }) => destination))).toEqual(new Set([SERVER_IPV4]))
    // Half of what remains until T2, at least a minute: 675, 337, 168, 84, 60 s.
    expect(renewals.length).toBe(6)
    const generation = lab.stack.interface.addresses.generation
    lab.server.isSilent = false
    lab.server.address = '192.168.7.2'
    lab.run(20_000)
    const rebinding = lab.server.heard[0]!
    expect(rebinding).toMatchObject({ source: LEASED_IPV4, destination: '255.255.255.255' })
    expect(lab.events).toEqual(['bound', 'rebinding', 'renewed'])
    expect(lab.addresses).toEqual([CIDR])
    expect(lab.stack.interface.addresses.generation).toBe(generation)
    lab.server.take()
    lab.run(1_801_000)
    expect(lab.server.heard[0]).toMatchObject({ destination: '192.168.7.2' })
  })

  it('gives the address up when the lease is over, and asks for it anew', () => {
    const lab = bound()
    const socket = lab.stack.openUdpSocket({ port: 9 })
    lab.server.isSilent = true
    lab.run(3_597_000)
    expect(lab.addresses).toEqual([CIDR])
    lab.run(3_000)
    expect(lab.addresses).toEqual([])
    expect(lab.routes).toEqual([])
    expect(lab.nameServers).toEqual([])
    expect(lab.events.at(-1)).toBe('expired')
    expect(lab.server.heard.at(-1)).toMatchObject({ name: 'discover' })
    expect(lab.server.heard.at(-1)!.options.get(50)).toEqual(ip(LEASED_IPV4))
    expect(socket.isClosed).toBe(false)
    lab.server.isSilent = false
    lab.run(64_000)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('gives it up at once when the server says no, and begins anew', () => {
    const lab = bound()
    lab.server.refuses = true
    lab.runUntil(lab.configuration.dhcp!.nextDeadlineMs + 100)
    expect(lab.events).toEqual(['bound', 'refused', 'refused'])
    expect(lab.addresses).toEqual([])
    lab.server.refuses = false
    lab.server.lease = '192.168.7.77'
    lab.run(6_000)
    expect(lab.addresses).toEqual(['192.168.7.77/24'])
  })

  it('survives one lost message with a lease of two minutes', () => {
    const lab = bound((fresh) => {
      fresh.server.leaseSeconds = 120
    })
    lab.loss = 1
    lab.run(70_000)
    lab.loss = 0
    lab.run(40_000)
    expect(lab.events).not.toContain('expired')
    expect(lab.events).toContain('renewed')
  })

  it('takes over what else a renewal changes: routes, servers, MTU', () => {
    const lab = bound()
    lab.server.extra = [
      ...[[1, [255, 255, 255, 0]] as const, [3, ip('192.168.7.3')] as const],
      ...[[6, ip('192.168.7.55')] as const, [26, be16(1400)] as const],
    ]
    lab.run(1_801_000)
    expect(lab.routes).toEqual([`${CIDR} on the link`, '0.0.0.0/0 by 192.168.7.3'])
    expect(lab.nameServers).toEqual(['192.168.7.55'])
    expect(lab.stack.interface.link.mtu4).toBe(1400)
  })

  it('renews nothing that is lent for ever (RFC 2131 §3.3)', () => {
    const lab = bound((fresh) => {
      fresh.server.leaseSeconds = 0xffffffff
    })
    lab.run(400 * 86_400_000)
    expect(lab.server.heard).toEqual([])
    expect(lab.addresses).toEqual([CIDR])
  })

  it('gives the address back at an orderly end, unicast to the server (§4.4.6)', () => {
    const lab = bound()
    for (let turn = 0; lab.stack.release(lab.nowMs) && turn < 100; turn++) lab.run(5)
    lab.run(5)
    expect(lab.server.take()).toMatchObject([
      { name: 'release', destination: SERVER_IPV4, source: LEASED_IPV4 },
    ])
    lab.run(10_000_000)
    expect(lab.server.heard).toEqual([])
  })

  it('has nothing to give back without a lease', () => {
    const lab = new DhcpLab()
    lab.server.isSilent = true
    lab.run(1_000)
    expect(lab.stack.release(lab.nowMs)).toBe(false)
  })
})

describe('times that a server gives (RFC 2131 §4.4.5)', () => {
  const times = (lease: number, renewal?: number, rebinding?: number) => {
    const lab = new DhcpLab()
    lab.server.leaseSeconds = lease
    if (renewal !== undefined) lab.server.extra.push([58, be32(renewal)])
    if (rebinding !== undefined) lab.server.extra.push([59, be32(rebinding)])
    lab.run(1_000)
    const held = lab.configuration.dhcp?.lease
    return held == null ? null : [held.renewalMs / 1000, held.rebindingMs / 1000]
  }
  it.each([
    ['those given', [1000, 100, 200], [100, 200]],
    ['defaults when none is given', [1000], [500, 875]],
    ['T1 after T2: half', [1000, 300, 200], [100, 200]],
    ['T2 after the end: 0.875', [1000, 400, 2000], [400, 875]],
    ['both after the end: defaults', [1000, 3000, 2000], [500, 875]],
    ['zeros: defaults', [1000, 0, 0], [500, 875]],
    ['infinity: defaults', [1000, 0xffffffff, 0xffffffff], [500, 875]],
  ] as [string, [number, number?, number?], number[]][])('%s', (_what, given, expected) => {
    expect(times(...given)).toEqual(expected)
  })

  it.each([0, 1, 9])('a lease of %i s is not taken', (seconds) => {
    expect(times(seconds)).toBe(null)
  })
})

describe('liars change nothing', () => {
  const stranger = '192.168.7.66'

  /** A client that waits for an acknowledgment, and what it last sent. */
  function requesting() {
    const lab = new DhcpLab()
    lab.run(1)
    lab.server.isSilent = true
    lab.run(5)
    const request = lab.server.heard.at(-1)!
    expect(request.name).toBe('request')
    return { lab, request }
  }

  it.each([
    ['another transaction', { transactionId: 1 }],
    ["another station's hardware address", { chaddr: '52:54:00:00:00:01' }],
    ['another server', { server: stranger }],
    ['another address', { yiaddr: '192.168.7.51' }],
    ['no address', { yiaddr: '0.0.0.0' }],
    ['a group', { yiaddr: '224.0.0.1' }],
    ['a loopback address', { yiaddr: '127.0.0.1' }],
    ['the address of the subnet', { yiaddr: '192.168.7.0' }],
    [
      'no server',
      {
        options: [
          [53, [5]],
          [51, be32(60)],
        ] as const,
      },
    ],
    [
      'no lease time',
      {
        options: [
          [53, [5]],
          [54, ip(SERVER_IPV4)],
        ] as const,
      },
    ],
    [
      'no type',
      {
        options: [
          [54, ip(SERVER_IPV4)],
          [51, be32(60)],
        ] as const,
      },
    ],
    ['an offer', { name: 'offer' }],
    ['a refusal of another server', { name: 'nak', server: stranger }],
    ['a refusal of another transaction', { name: 'nak', transactionId: 1 }],
  ] as const)('an acknowledgment that is not: %s', (_what, answer) => {
    const { lab, request } = requesting()
    lab.inject(lab.server.answer(request, { name: 'ack', ...answer }))
    lab.run(500)
    expect(lab.addresses).toEqual([])
    expect(lab.configuration.dhcp!.state).toBe(2)
    const { drops } = lab.configuration.dhcp!.statistics
    expect(Object.values(drops).reduce((sum, count) => sum + count)).toBe(1)
    // The valid twin.
    lab.inject(lab.server.answer(request, { name: 'ack' }))
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('one of 64 KiB, in twenty thousand pieces of an option (RFC 2132 §9.10)', () => {
    const { lab, request } = requesting()
    const payload = lab.server.answer(request, { name: 'ack' }).subarray(42)
    const pieces = new Array<number[]>(20_000).fill([12, 1, 0x61]).flat()
    const dhcp = lab.configuration.dhcp!
    dhcp.receive(concat(payload.subarray(0, -1), pieces, [255]), lab.nowMs)
    expect(dhcp.statistics.drops.malformed).toBe(1)
    dhcp.receive(payload, lab.nowMs)
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it("another client's identifier echoed (RFC 6842 §3)", () => {
    const { lab, request } = requesting()
    const own = lab.server.answerOptions('ack')
    const identifier = request.options.get(61)!
    lab.inject(
      lab.server.answer(request, {
        name: 'ack',
        options: [...own, [61, [...identifier.slice(0, -1), 0]]],
      }),
    )
    lab.run(500)
    expect(lab.addresses).toEqual([])
    lab.inject(lab.server.answer(request, { name: 'ack', options: [...own, [61, identifier]] }))
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('nobody refuses, offers or acknowledges what was not asked', () => {
    const lab = bound()
    const discover = { ...requesting().request, transactionId: 0x5555 }
    for (const name of ['nak', 'ack', 'offer'] as const) {
      for (let transactionId = 0; transactionId < 300; transactionId++) {
        lab.inject(lab.server.answer(discover, { name, transactionId }))
      }
    }
    lab.run(1_000)
    expect(lab.events).toEqual(['bound'])
    expect(lab.addresses).toEqual([CIDR])
  })

  it('a refusal while it renews counts only from its server, while it rebinds from any', () => {
    const lab = bound()
    lab.server.isSilent = true
    lab.run(1_801_000)
    const renewal = lab.server.take().at(-1)!
    lab.inject(lab.server.answer(renewal, { name: 'nak', server: stranger }))
    expect(lab.addresses).toEqual([CIDR])
    lab.run(1_400_000)
    const rebinding = lab.server.take().at(-1)!
    expect(rebinding.destination).toBe('255.255.255.255')
    // Answers to what was asked before do not count any more.
    lab.inject(lab.server.answer(renewal, { name: 'nak' }))
    expect(lab.addresses).toEqual([CIDR])
    lab.inject(lab.server.answer(rebinding, { name: 'nak', server: stranger }))
    expect(lab.addresses).toEqual([])
  })

  it('ten thousand answers of no transaction cost no memory and no state', () => {
    const { lab, request } = requesting()
    const frame = lab.server.answer(request, { name: 'nak', transactionId: 99 })
    for (let count = 0; count < 10_000; count++) lab.inject(frame)
    expect(lab.configuration.dhcp!.statistics.drops.notForUs).toBe(10_000)
    lab.inject(lab.server.answer(request, { name: 'ack' }))
    lab.run(500)
    expect(lab.addresses).toEqual([CIDR])
  })

  it('a station that pretends to be the server by ARP gets no address of ours', () => {
    const lab = bound()
    lab.inject(
      concat(
        ethernet('ff:ff:ff:ff:ff:ff', SERVER_MAC, 0x806),
        arp(1, SERVER_MAC, LEASED_IPV4, '00:00:00:00:00:00', LEASED_IPV4),
      ),
    )
    lab.run(1_000)
    expect(lab.addresses).toEqual([CIDR])
  })
})

describe('what a lease gives', () => {
  const withExtra = (extra: [number, number[]][]) =>
    bound((lab) => {
      lab.server.extra = [[1, [255, 255, 255, 0]], ...extra]
    })

  it('classless routes win over routers (RFC 3442), those on the link first', () => {
    const lab = withExtra([
      [3, ip('192.168.7.9')],
      [
        121,
        [0, ...ip('192.168.7.1'), 16, 10, 1, ...ip('172.16.0.1'), 12, 172, 16, ...ip('0.0.0.0')],
      ],
    ])
    expect(lab.routes).toEqual([
      `${CIDR} on the link`,
      '10.1.0.0/16 by 172.16.0.1',
      '172.16.0.0/12 on the link',
      '0.0.0.0/0 by 192.168.7.1',
    ])
  })

  it('both halves of a default route: 0.0.0.0/1 and 128.0.0.0/1', () => {
    const router = ip('192.168.7.1')
    const lab = withExtra([[121, [1, 0, ...router, 1, 128, ...router]]])
    expect(lab.routes).toEqual([
      `${CIDR} on the link`,
      '0.0.0.0/1 by 192.168.7.1',
      '128.0.0.0/1 by 192.168.7.1',
    ])
  })

  it('the search option, compressed and in two parts, instead of the domain (RFC 3397 §2)', () => {
    const text = (label: string) => [label.length, ...Buffer.from(label)]
    const list = [...text('eng'), ...text('Apple'), ...text('com'), 0, ...text('lab'), 0xc0, 4]
    const lab = withExtra([
      [15, [...Buffer.from('else.example')]],
      [119, list.slice(0, 9)],
      [119, list.slice(9)],
    ])
    expect(lab.stack.interface.nameServers.search).toEqual(['eng.apple.com', 'lab.apple.com'])
  })

  it.each([
    ['a pointer to itself', [0xc0, 0]],
    ['a pointer forward', [3, 0x6c, 0x61, 0x62, 0xc0, 4, 0]],
    ['a label beyond the end', [9, 0x6c, 0x61]],
    ['no end', [3, 0x6c, 0x61, 0x62]],
    ['a reserved label type', [0x41, 0x61, 0]],
    ['nothing', []],
  ])('a search option of %s is none, and the lease is there', (_what, value) => {
    const lab = withExtra([
      [15, [...Buffer.from('lan.example')]],
      [119, value],
    ])
    expect(lab.configuration.dhcp!.lease).not.toBeNull()
    expect(lab.stack.interface.nameServers.search).toEqual(['lan.example'])
  })

  it('a router outside of the prefix is taken to be on the link', () => {
    const lab = withExtra([[3, ip('10.9.9.1')]])
    expect(lab.routes).toContain('10.9.9.1/32 on the link')
    expect(lab.routes).toContain('0.0.0.0/0 by 10.9.9.1')
  })

  it('at most 16 routes, 8 servers', () => {
    const routes = Array.from({ length: 40 }, (_, index) => [24, 10, 0, index, ...ip(SERVER_IPV4)])
    const servers = Array.from({ length: 20 }, (_, index) => ip(`192.168.7.${100 + index}`))
    const lab = withExtra([
      [121, routes.flat().slice(0, 8 * 30)],
      [6, servers.flat()],
    ])
    expect(lab.routes.length).toBe(17)
    expect(lab.nameServers.length).toBe(8)
  })

  it.each([0, 67, 575, 9000, 65535])('an MTU of %i changes nothing', (mtu) => {
    const lab = withExtra([[26, be16(mtu)]])
    expect(lab.stack.interface.link.mtu4).toBe(1500)
  })

  it('an MTU of 1400 is that of paths that are opened then', () => {
    const lab = withExtra([[26, be16(1400)]])
    const { egress } = lab.stack.host
    const peer = lab.configuration.dhcp!.lease!.server
    expect(egress.openFlow(peer, null, 6)!.pathMtu).toBe(1400)
  })

  it('names that are no names are left out (NUL, 255 octets, spaces)', () => {
    const lab = withExtra([
      [12, new Array<number>(255).fill(0x41)],
      [15, [0x61, 0, 0x62]],
    ])
    expect(lab.configuration.dhcp!.lease).toMatchObject({ domain: null, hostName: null })
    expect(lab.stack.interface.nameServers.search).toEqual([])
  })

  it('without a mask that of the class', () => {
    const lab = new DhcpLab()
    lab.server.extra = []
    lab.run(1_000)
    expect(lab.addresses).toEqual([`${LEASED_IPV4}/24`])
  })

  it.each([
    ['a mask with holes', [1, [255, 0, 255, 0]]],
    ['a mask of nothing', [1, [0, 0, 0, 0]]],
    ['a mask of five octets', [1, [255, 255, 255, 0, 0]]],
    ['a router of five octets', [3, [1, 2, 3, 4, 5]]],
    ['servers of no octets', [6, []]],
    ['routes that are cut', [121, [24, 10, 0, 0]]],
    ['a width of 33', [121, [33, 10, 0, 0, 0, 0, 1, 2, 3, 4]]],
  ] as const)('no lease with %s', (_what, option) => {
    const lab = new DhcpLab()
    lab.server.extra = [option]
    lab.run(1_000)
    expect(lab.addresses).toEqual([])
    expect(names(lab)).toEqual(['discover'])
  })
})
