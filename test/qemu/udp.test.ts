/**
 * UDP between the guest and a real Linux host, and against frames that no honest host would send.
 */
import { type PcapFrame, patternBlock } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { decodeUdp, GUEST4, GUEST6, udp } from './support/frames.ts'
import { type Family, GUEST_HOST, LAN_APPEND } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { readStats } from './support/stats.ts'
import type { Tester } from './support/tester.ts'

/** Long enough for an answer under TCG on a busy machine. */
const ANSWER_MS = 15_000
const SILENCE_MS = 300
const ECHO = 7
const DISCARD = 9
const CHARGEN = 19
const NOBODY = 4321
/** Up to what one packet of 1500 bytes carries. */
const SIZES = { 4: [0, 1, 1471, 1472], 6: [0, 1, 1451, 1452] } as const

async function ask(
  site: Site,
  family: Family,
  port: number,
  payload: Buffer,
  options: { sourcePort?: number; timeoutMs?: number } = {},
) {
  const result = await site.peer.request('datagram', {
    host: GUEST_HOST[family],
    port,
    send: payload.toString('base64'),
    timeoutMs: ANSWER_MS,
    ...options,
  })
  return { outcome: result.outcome, received: Buffer.from(result.received, 'base64') }
}

async function expectEchoes(site: Site): Promise<void> {
  for (const family of [4, 6] as const) {
    for (const size of SIZES[family]) {
      const payload = patternBlock().subarray(0, size)
      const { outcome, received } = await ask(site, family, ECHO, payload)
      expect([outcome, received.equals(payload)], `${size} bytes, IPv${family}`).toEqual([
        'answer',
        true,
      ])
    }
  }
}

function fromGuest(frames: readonly PcapFrame[]) {
  return frames
    .map(({ bytes }) => decodeUdp(bytes))
    .filter((frame) => frame !== undefined)
    .filter(({ source }) => source === GUEST4 || source === GUEST6)
}

describe('a Linux peer behind a router', () => {
  test.override('guest', { ...GUEST, network: 'routed' })

  test.for([
    ['the device', {}],
    ['the guest itself', { device: { csum: false } }],
  ] as const)(
    'gets equal echoes with right checksums, which %s computes',
    async ([_who, options], { site }) => {
      const { ready } = await site.boot(options)
      const isOffloaded = ready.features.negotiated.includes('CSUM')
      expect(isOffloaded).toBe(!('device' in options))
      const points = [site.topology.tap, site.topology.wire]
      const { frames } = await site.capture(points, () => expectEchoes(site))
      const [onTap, onWire] = frames.map(fromGuest)
      expect(onWire!.length).toBe(SIZES[4].length + SIZES[6].length)
      expect(
        onWire!.every(({ isChecksumGood, checksum }) => isChecksumGood && checksum !== 0),
      ).toBe(true)
      // What leaves the guest shows who does the work.
      expect(onTap!.map(({ isChecksumGood }) => isChecksumGood)).toEqual(
        onTap!.map(() => !isOffloaded),
      )
      const counters = await site.topology.far.counters()
      for (const name of ['UdpInCsumErrors', 'Udp6InCsumErrors', 'UdpInErrors', 'Udp6InErrors']) {
        expect([name, counters.get(name) ?? 0]).toEqual([name, 0])
      }
    },
  )

  test('finds chargen, discard, silence for other such services, refusals, and counters of it all', async ({
    site,
  }) => {
    const { ready } = await site.boot()
    for (const port of [ECHO, DISCARD, CHARGEN]) {
      expect(ready.listening).toContainEqual({ port, protocol: 'udp' })
    }
    for (const family of [4, 6] as const) {
      const characters = await ask(site, family, CHARGEN, Buffer.from('anything'))
      expect(characters.outcome).toBe('answer')
      expect(characters.received.length).toBeLessThanOrEqual(512)
      expect(' !"#$%&\'()*+').toContain(characters.received.toString('latin1', 0, 12))
      const some = Buffer.from('some')
      expect((await ask(site, family, NOBODY, some)).outcome).toBe('refused')
      const briefly = { timeoutMs: SILENCE_MS }
      expect((await ask(site, family, DISCARD, some, briefly)).outcome).toBe('silence')
      const asChargen = { sourcePort: CHARGEN, timeoutMs: SILENCE_MS }
      expect((await ask(site, family, ECHO, some, asChargen)).outcome).toBe('silence')
      expect((await ask(site, family, ECHO, some)).outcome).toBe('answer')
    }
    expect(await readStats(site.peer, GUEST_HOST[4])).toMatchObject({
      udp: {
        sockets: 3,
        datagramsReceived: 8,
        datagramsSent: 4,
        drops: { noSocket: 2, receiveQueueFull: 0, unreachable: 0 },
      },
    })
  })

  test('talks to an app, which learns what is too large, and which no datagram ends', async ({
    site,
  }) => {
    const initrd = await buildApp('datagrams.ts')
    const { vm, ready } = await site.boot({ initrd })
    expect(ready.listening).toEqual([{ port: 7777, protocol: 'udp' }])
    for (const text of ['throw', 'far']) {
      const send = Buffer.from(text).toString('base64')
      const request = { host: GUEST_HOST[4], port: 7777, send, timeoutMs: 300 }
      await site.peer.request('datagram', request).catch(() => undefined)
    }
    for (const family of [4, 6] as const) {
      const { received } = await ask(site, family, 7777, Buffer.from('stressed'))
      expect(received.toString()).toBe('desserts')
    }
    await vm.console.expect(/refused: message-too-large/, { from: 'start' })
    await vm.console.expect(/datagram from .* failed: Error: broken on purpose/, {
      from: 'start',
    })
    await vm.console.expect(/datagram from .*: Cannot resolve "far": no name server is known/, {
      from: 'start',
    })
  })
})

describe.each([4, 6] as const)('frames over IPv%i', (family) => {
  test.override('guest', { ...GUEST, network: 'lan', append: LAN_APPEND })

  /**
   * Sends frames and waits for the echo of `last`, in whose order everything before it has been
   * dealt with.
   */
  async function echoesUntil(
    tester: Tester,
    frames: readonly Buffer[],
    last: string,
  ): Promise<string[]> {
    const echoes: string[] = []
    await tester.hear(frames, (frame) => {
      const answer = decodeUdp(frame)
      if (answer === undefined || answer.sourcePort !== ECHO) return undefined
      echoes.push(answer.isChecksumGood ? answer.payload.toString() : 'an echo with a bad checksum')
      return echoes.at(-1) === last ? echoes : undefined
    })
    return echoes
  }

  const base = { family, sourcePort: 40_000, destinationPort: ECHO }

  test('with a bad checksum are not answered, their valid twins are (RFC 1122 §4.1.3.4)', async ({
    tester,
  }) => {
    const frames = [
      udp({ ...base, payload: 'bad', spoilChecksum: 0x0100 }),
      udp({ ...base, payload: 'worse', spoilChecksum: 0x8000 }),
      udp({ ...base, payload: 'valid' }),
    ]
    expect(await echoesUntil(tester, frames, 'valid')).toEqual(['valid'])
  })

  test('that claim to come from this guest’s or anybody’s echo start no loop', async ({
    tester,
  }) => {
    const frames = [
      udp({ ...base, sourcePort: ECHO, payload: 'loop' }),
      udp({ ...base, payload: 'after' }),
    ]
    expect(await echoesUntil(tester, frames, 'after')).toEqual(['after'])
  })
})
