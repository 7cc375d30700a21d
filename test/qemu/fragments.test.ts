/**
 * Datagrams longer than the link, both ways: a Linux peer's pings and datagrams, and fragments that
 * no honest host would send.
 */
import { patternBlock } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { cut, Joiner } from './support/fragments.ts'
import { ping4, ping6, udp } from './support/frames.ts'
import { type Family, GUEST_HOST, LAN_APPEND } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import type { Tester } from './support/tester.ts'

/** Long enough for an answer under TCG on a busy machine. */
const ANSWER_MS = 15_000
const ECHO = 7
const LONGEST = { 4: 65_507, 6: 65_527 } as const
const FAMILIES = [4, 6] as const

async function expectUdpEcho(site: Site, family: Family, length: number): Promise<void> {
  const block = patternBlock()
  const payload = Buffer.concat([block, block]).subarray(0, length)
  const { outcome, received } = await site.peer.request('datagram', {
    host: GUEST_HOST[family],
    port: ECHO,
    send: payload.toString('base64'),
    timeoutMs: ANSWER_MS,
  })
  const isSame = Buffer.from(received, 'base64').equals(payload)
  expect([outcome, isSame], `${length} octets over IPv${family}`).toEqual(['answer', true])
}

/**
 * What `ping` says of so many echo requests with `length` octets of data; it compares what comes
 * back.
 */
function ping(
  site: Site,
  family: Family,
  length: number,
  count: number,
  options = '',
): Promise<string> {
  const words = `-${family} -n -c ${count} -i 0.3 -W 10 -s ${length} ${options} ${GUEST_HOST[family]}`
  return site.topology.far.script(`ping ${words} || true`)
}

describe.each([
  ['a device that computes checksums', {}],
  [
    'a device that computes none and coalesces nothing',
    { device: { csum: false, guest_csum: false } },
  ],
])('a Linux peer, and a guest with %s', (_name, options) => {
  test.override('guest', { ...GUEST, network: 'direct' })

  test('gets its pings of 4,000 and 65,507 octets back as they were, and its datagrams up to the longest', async ({
    site,
  }) => {
    await site.boot(options)
    for (const family of FAMILIES) {
      for (const length of [1473, 4000, 65_507]) {
        const text = await ping(site, family, length, 3)
        expect(text).toContain('3 packets transmitted, 3 received, 0% packet loss')
        expect(text).not.toMatch(/wrong data|DUP|truncated/)
      }
      for (const length of [1473, 4000, LONGEST[family]]) {
        await expectUdpEcho(site, family, length)
      }
    }
  })
})

describe('a path that carries 1,300 octets', () => {
  test.override('guest', { ...GUEST, network: 'routed' })
  test.override('topologyOptions', { farMtu: 1300 })

  test('is found out by what ICMP says of answers, for pings and datagrams alike, and by tracepath', async ({
    site,
  }) => {
    await site.boot()
    for (const family of FAMILIES) {
      // In IPv4 routers cut what goes without DF; in IPv6 the first answer is lost and says why.
      const text = await ping(site, family, 1400, 4)
      const received = family === 4 ? 4 : 3
      expect(text).toContain(`4 packets transmitted, ${received} received`)
      await expectUdpEcho(site, family, 4000)
      const { far } = site.topology
      const path = await far.script(`tracepath -${family} -n -m 5 ${GUEST_HOST[family]} || true`)
      expect(path).toMatch(/Resume: pmtu 1300 hops 2 back 2/)
    }
  })
})

describe('fragments of a wire that is the test', () => {
  test.override('guest', { ...GUEST, network: 'lan', append: LAN_APPEND })

  /** Sends frames and waits for the datagram that comes back in fragments. */
  async function joined(tester: Tester, frames: readonly Buffer[]): Promise<Buffer> {
    const joiner = new Joiner()
    const whole = await tester.hear(frames, (frame) => joiner.add(frame))
    if (whole === undefined) throw new Error('Cannot see an answer in fragments')
    return whole
  }

  /** Waits for the answer to a short ping; false when there is none. */
  async function isAlive(tester: Tester, family: Family): Promise<boolean> {
    const isReply = (frame: Buffer): boolean =>
      family === 4 ? frame[23] === 1 && frame[34] === 0 : frame[20] === 58 && frame[54] === 129
    return (await tester.ask(family === 4 ? ping4('x') : ping6('x'), isReply)) !== undefined
  }

  test.for(FAMILIES)(
    'in reverse order, and in pieces of 8 octets, give the same datagram over IPv%i',
    async (family, { tester }) => {
      const data = patternBlock()
        .subarray(0, 20_000)
        .toString('latin1')
        .replace(/[^\x20-\x7e]/g, 'x')
      const base = { family, sourcePort: 40_000, destinationPort: ECHO }
      for (const [size, length] of [
        [1448, 20_000],
        [8, 4_000],
      ] as const) {
        const payload = data.slice(0, length)
        const frames = cut(udp({ ...base, payload }), size, size).reverse()
        const answer = await joined(tester, frames)
        expect(answer.toString('latin1', 8)).toBe(payload)
      }
    },
  )

  test.for(FAMILIES)(
    'of which 10,000 are the first of their datagram leave IPv%i as it was',
    async (family, { tester }) => {
      const whole = family === 4 ? ping4('x'.repeat(3000)) : ping6('x'.repeat(3000))
      for (let round = 0; round < 10; round++) {
        for (let index = 0; index < 1000; index++) {
          tester.send(cut(whole, 1448, round * 1000 + index)[0]!)
        }
        expect(await isAlive(tester, family)).toBe(true)
      }
      const answer = await joined(tester, cut(whole, 1448, 77_777))
      expect(answer.length).toBe(3008)
    },
  )

  test.for(FAMILIES)(
    'that overlap come to nothing over IPv%i, and their valid twin is answered',
    async (family, { tester }) => {
      const whole = family === 4 ? ping4('x'.repeat(3000)) : ping6('x'.repeat(3000))
      const [first, second, third] = cut(whole, 1448, 88_888) as [Buffer, Buffer, Buffer]
      const [small] = cut(whole, 1440, 88_888).slice(1)
      let answers = 0
      const off = tester.onFrame((frame) => {
        if (new Joiner().add(frame) !== undefined || frame.length > 1000) answers++
      })
      for (const frame of [first, small!, second, third]) tester.send(frame)
      expect(await isAlive(tester, family)).toBe(true)
      off()
      expect(answers).toBe(0)
      expect((await joined(tester, cut(whole, 1448, 99_999))).length).toBe(3008)
    },
  )
})
