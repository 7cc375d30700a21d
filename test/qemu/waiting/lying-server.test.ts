/**
 * A DHCP server among liars, and a router among forgers: raw answers of the test, judged by what
 * the guest does.
 */
import type { Lan } from 'qemu-runner'
import { describe, expect } from 'vitest'
import {
  type Answer,
  LEASED_IPV4,
  type Option,
  SERVER_IPV4,
  SERVER_MAC,
  StrictDhcpServer,
} from '../../fakes/strict-dhcp-server.ts'
import { arp, be32, concat, ethernet, icmpv4, ip, ipv4 } from '../../support/frames.ts'
import { advertisement, prefixOption, serversOption } from '../../support/router-messages.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { awaitReady } from '../support/site.ts'

const GUEST_MAC = '52:54:00:12:34:56'
const LIAR = '192.168.7.66'
const ANSWER_MS = 5_000
/** Behind the header and its cookie. */
const OPTIONS_AT = 240
/** So long nothing more is asked of a server whose lease is not over soon. */
const QUIET_MS = 3_000

/** Answers that are none, each of another kind. */
const LIES: readonly Answer[] = [
  { transactionId: 7 },
  { chaddr: '52:54:00:00:00:01' },
  { yiaddr: '0.0.0.0' },
  { yiaddr: '255.255.255.255' },
  { yiaddr: '127.0.0.1' },
  { yiaddr: '192.168.7.255' },
  { name: 'nak', transactionId: 1 },
  { name: 'nak', server: LIAR },
  { name: 'release' },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, be32(0)],
    ],
  },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, be32(1)],
    ],
  },
  {
    options: [
      [53, []],
      [54, ip(LIAR)],
      [51, be32(60)],
    ],
  },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, [1, 2, 3]],
    ],
  },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, be32(60)],
      [1, [255, 0, 255, 0]],
    ],
  },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, be32(60)],
      [6, [1, 2, 3, 4, 5]],
    ],
  },
  {
    options: [
      [53, [2]],
      [54, ip(LIAR)],
      [51, be32(60)],
      [121, [33, 1, 2, 3, 4, 5]],
    ],
  },
  {
    options: [
      [52, [3]],
      [53, [2]],
    ],
  },
  // Padding and no end; the last option goes past the end; no cookie; half a header; nothing.
  { spoil: (payload) => payload.fill(0, OPTIONS_AT) },
  { spoil: (payload) => payload.subarray(0, payload.length - 3) },
  { spoil: (payload) => payload.with(236, 0) },
  { spoil: (payload) => payload.subarray(0, 120) },
  { spoil: () => new Uint8Array(0) },
]

test.override('guest', { ...GUEST, network: 'lan' })

/** The guest of the LAN hears liars before it hears the server, on each question. */
function serve(lan: Lan, server: StrictDhcpServer, times: { isLying: boolean }): void {
  const send = (frame: Uint8Array) => lan.send(Buffer.from(frame))
  lan.onFrame((frame) => {
    const before = server.heard.length
    const answer = server.hear(frame, performance.now())
    const message = server.heard[before]
    if (message !== undefined && times.isLying) {
      const name = message.name === 'discover' ? 'offer' : 'ack'
      for (const lie of LIES) send(server.answer(message, { name, ...lie }))
    }
    if (answer !== null) send(answer)
    const asks = frame.readUInt16BE(12) === 0x806 && frame[21] === 1
    if (asks && frame.subarray(38, 42).join('.') === SERVER_IPV4) {
      const asker = frame.subarray(28, 32).join('.')
      send(
        concat(
          ethernet(GUEST_MAC, SERVER_MAC, 0x806),
          arp(2, SERVER_MAC, SERVER_IPV4, GUEST_MAC, asker),
        ),
      )
    }
  })
}

/** An echo request to an address of the guest, and whether it is answered. */
function answersPing(lan: Lan, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      stop()
      resolve(false)
    }, ANSWER_MS)
    const stop = lan.onFrame((frame) => {
      const isReply = frame.readUInt16BE(12) === 0x800 && frame[23] === 1 && frame[34] === 0
      if (!isReply || frame.subarray(26, 30).join('.') !== address) return
      clearTimeout(timer)
      stop()
      resolve(true)
    })
    const fields = { source: SERVER_IPV4, destination: address, protocol: 1 }
    const packet = ipv4(fields, icmpv4(8, 0, 1, [1, 2, 3]))
    lan.send(Buffer.from(concat(ethernet(GUEST_MAC, SERVER_MAC, 0x800), packet)))
  })
}

describe('a server among liars', () => {
  test('is the one whose address the guest takes and keeps, whatever the others say first', async ({
    launchGuest,
    lan,
  }) => {
    const server = new StrictDhcpServer()
    server.leaseSeconds = 60
    server.extra.push([58, be32(3)], [59, be32(50)])
    serve(lan, server, { isLying: true })
    const vm = await launchGuest()
    const { addresses } = await awaitReady(vm)
    expect(addresses).toContain(`${LEASED_IPV4}/24`)
    expect(server.take().map(({ name }) => name)).toEqual(['discover', 'request'])
    expect(await answersPing(lan, LEASED_IPV4)).toBe(true)
    // Renewals among the same liars, and lies that nobody has asked for.
    const renewals = await new Promise<number>((resolve) => {
      const timer = setInterval(() => {
        const { heard } = server
        const last = heard.at(-1)
        if (last !== undefined) {
          for (const lie of LIES)
            lan.send(Buffer.from(server.answer(last, { name: 'nak', ...lie, server: LIAR })))
        }
        if (heard.length < 3) return
        clearInterval(timer)
        resolve(heard.length)
      }, 200)
    })
    expect(renewals).toBeGreaterThanOrEqual(3)
    expect(server.heard.every(({ ciaddr }) => ciaddr === LEASED_IPV4)).toBe(true)
    expect(await answersPing(lan, LEASED_IPV4)).toBe(true)
    expect(vm.console.text).not.toMatch(/refuses|is gone|panic/)
  })
})

/** Answers that are odd, and good enough: rows 105 and 107 of the corpus. */
test.for([
  ['a lease for ever, and times beyond it', 0xffff_ffff, [58, be32(500)], [59, be32(400)]],
  ['T1 after T2, and both after the lease', 60, [58, be32(500)], [59, be32(400)]],
  ['T1 and T2 at once', 60, [58, be32(0)], [59, be32(0)]],
  [
    'a host name of 255 octets with a NUL in it, and one of a NUL',
    60,
    [12, [...new Array<number>(100).fill(0x61), 0, ...new Array<number>(154).fill(0x1b)]],
    [15, [0]],
  ],
] as [string, number, Option, Option][])(
  'an answer with %s gives an address that is kept, in silence',
  async ([_what, seconds, ...extra], { launchGuest, lan }) => {
    const server = new StrictDhcpServer()
    server.leaseSeconds = seconds
    server.extra.push(...extra)
    serve(lan, server, { isLying: false })
    const vm = await launchGuest()
    const { addresses } = await awaitReady(vm)
    expect(addresses).toContain(`${LEASED_IPV4}/24`)
    expect(server.take().map(({ name }) => name)).toEqual(['discover', 'request'])
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    expect(server.take()).toEqual([])
    expect(await answersPing(lan, LEASED_IPV4)).toBe(true)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence of the server's
    expect(vm.console.text).not.toMatch(/panic|\x1b\x1b|aaaa/)
  },
)

describe('a router among forgers', () => {
  test('is the one whose prefix, route and servers the guest takes', async ({
    launchGuest,
    lan,
  }) => {
    const server = new StrictDhcpServer()
    serve(lan, server, { isLying: false })
    lan.onFrame((frame) => {
      const isSolicitation =
        frame.readUInt16BE(12) === 0x86dd && frame[20] === 58 && frame[54] === 133
      if (!isSolicitation) return
      const prefix = prefixOption({ prefix: '2001:db8:bad::' })
      const forged = [
        advertisement({ hopLimit: 64 }, prefix),
        advertisement({ code: 1 }, prefix),
        advertisement({ source: '2001:db8::1' }, prefix),
        advertisement({}, [3, 0, ...new Array<number>(30).fill(0)]),
        advertisement({}, [3, 9, ...new Array<number>(30).fill(0)]),
        advertisement({ lifetime: 0 }, prefixOption({ prefix: 'fe80::' })),
        advertisement({ lifetime: 0 }, prefixOption({ prefix: 'ff02::' })),
        advertisement(
          { lifetime: 0, curHopLimit: 1 },
          prefixOption({ prefix: '2001:db8:bad::', length: 0 }),
        ),
        advertisement({ lifetime: 0 }, [5, 1, 0, 0, ...be32(1279)]),
        advertisement({ lifetime: 0 }, serversOption(600, '::1', 'ff02::1')),
      ]
      const good = advertisement({}, prefixOption(), serversOption(600, '2001:db8::53'))
      for (const bytes of [...forged, good]) lan.send(Buffer.from(bytes))
    })
    const vm = await launchGuest()
    const { addresses, mtu } = await awaitReady(vm)
    expect(addresses.filter((address) => address.startsWith('2001:'))).toEqual([
      expect.stringMatching(/^2001:db8:1:[0:]*.*\/64$/),
    ])
    expect(addresses).toHaveLength(3)
    expect(mtu).toBe(1500)
  })
})
