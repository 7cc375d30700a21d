/** Datagrams longer than the link, both ways: a Linux peer's pings and datagrams, and fragments that no honest host would send. */
import { Lan, launch, patternBlock, type Vm } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cut, Joiner } from './support/fragments.ts'
import {
  arpRequest,
  neighbourAdvertisement,
  neighbourSolicitation,
  ping4,
  ping6,
  udp,
} from './support/frames.ts'
import {
  awaitReady,
  type Family,
  GUEST_HOST,
  IMAGE,
  requireImage,
  Site,
  withGuest,
} from './support/guest-site.ts'

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

/** What `ping` says of so many echo requests with `length` octets of data; it compares what comes back. */
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
  let site: Site
  beforeAll(async () => {
    site = await Site.create('direct')
  })
  afterAll(() => site.close())

  it('gets its pings of 4,000 and 65,507 octets back as they were, and its datagrams up to the longest', async () => {
    await withGuest(site, options, async () => {
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
})

describe('a path that carries 1,300 octets', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create('routed', { farMtu: 1300 })
  })
  afterAll(() => site.close())

  it('is found out by what ICMP says of answers, for pings and datagrams alike, and by tracepath', async () => {
    await withGuest(site, {}, async () => {
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
})

describe('fragments of a wire that is the test', () => {
  const lan = new Lan()
  let vm: Vm
  beforeAll(async () => {
    requireImage()
    vm = await launch({
      kernel: IMAGE,
      append: { ip: '10.0.0.2/24', ip6: 'fd00::2/64' },
      network: [{ kind: 'lan', lan }],
      timeoutMs: 100_000,
    })
    await awaitReady(vm)
    lan.onFrame((frame) => {
      const text = frame.toString('hex')
      const asks = text.startsWith('86dd', 24) && text.startsWith('87', 108)
      if (asks && text.slice(124, 156).endsWith('0009')) lan.send(neighbourAdvertisement())
    })
    lan.send(arpRequest())
    lan.send(neighbourSolicitation())
  })
  afterAll(() => vm.close())

  /** Sends frames and waits for the datagram that comes back in fragments. */
  function joined(frames: readonly Buffer[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const joiner = new Joiner()
      const timer = setTimeout(() => {
        off()
        reject(new Error(`Cannot see an answer in fragments within ${ANSWER_MS} ms`))
      }, ANSWER_MS)
      const off = lan.onFrame((frame) => {
        const whole = joiner.add(frame)
        if (whole === undefined) return
        clearTimeout(timer)
        off()
        resolve(whole)
      })
      for (const frame of frames) lan.send(frame)
    })
  }

  /** Waits for the answer to a short ping; false when there is none. */
  function isAlive(family: Family): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(false), ANSWER_MS)
      const off = lan.onFrame((frame) => {
        const isReply =
          family === 4 ? frame[23] === 1 && frame[34] === 0 : frame[20] === 58 && frame[54] === 129
        if (isReply) settle(true)
      })
      const settle = (answered: boolean): void => {
        clearTimeout(timer)
        off()
        resolve(answered)
      }
      lan.send(family === 4 ? ping4('alive?') : ping6('alive?'))
    })
  }

  it.each(FAMILIES)(
    'in reverse order, and in pieces of 8 octets, give the same datagram over IPv%i',
    async (family) => {
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
        const answer = await joined(frames)
        expect(answer.toString('latin1', 8)).toBe(payload)
      }
    },
  )

  it.each(FAMILIES)(
    'of which 10,000 are the first of their datagram leave IPv%i as it was',
    async (family) => {
      const whole = family === 4 ? ping4('x'.repeat(3000)) : ping6('x'.repeat(3000))
      for (let round = 0; round < 10; round++) {
        for (let index = 0; index < 1000; index++) {
          lan.send(cut(whole, 1448, round * 1000 + index)[0]!)
        }
        expect(await isAlive(family)).toBe(true)
      }
      const answer = await joined(cut(whole, 1448, 77_777))
      expect(answer.length).toBe(3008)
    },
  )

  it.each(FAMILIES)(
    'that overlap come to nothing over IPv%i, and their valid twin is answered',
    async (family) => {
      const whole = family === 4 ? ping4('x'.repeat(3000)) : ping6('x'.repeat(3000))
      const [first, second, third] = cut(whole, 1448, 88_888) as [Buffer, Buffer, Buffer]
      const [small] = cut(whole, 1440, 88_888).slice(1)
      let answers = 0
      const off = lan.onFrame((frame) => {
        if (new Joiner().add(frame) !== undefined || frame.length > 1000) answers++
      })
      for (const frame of [first, small!, second, third]) lan.send(frame)
      expect(await isAlive(family)).toBe(true)
      off()
      expect(answers).toBe(0)
      expect((await joined(cut(whole, 1448, 99_999))).length).toBe(3008)
    },
  )
})
