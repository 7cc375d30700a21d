/**
 * Where segmentation goes wrong at the edges: exact multiples, small MSS, timestamps, small
 * windows, a small MTU.
 */
import { decodeFrame, judgeDeviceFrames, judgeSegments, type PcapFrame } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { type Family, GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { expectDownload, expectEcho, expectUpload } from './support/transfer.ts'

const BYTES = 1 << 20
const TIMESTAMPS_OPTION = 12

/** Payload lengths around whole numbers of segments, up to more than one super-segment. */
function sizesAround(segment: number): number[] {
  const multiples = [1, 2, 3, 10, Math.floor(64000 / segment)]
  return [1, ...multiples.flatMap((count) => [-1, 0, 1].map((by) => count * segment + by))]
}

/** Runs the exchange with captures before and behind segmentation and judges both. */
async function judged(
  site: Site,
  family: Family,
  mtu: number,
  work: () => Promise<unknown>,
): Promise<{ onTap: PcapFrame[]; onWire: PcapFrame[] }> {
  const points = [site.topology.tap, site.topology.wire]
  const { frames } = await site.capture(points, work)
  const [onTap, onWire] = frames as [PcapFrame[], PcapFrame[]]
  const source = GUEST_SOURCE[family]
  expect(judgeDeviceFrames(onTap, { source }).violations).toEqual([])
  expect(judgeSegments(onWire, { source, mtu, deviceFrames: onTap }).violations).toEqual([])
  return { onTap, onWire }
}

function payloadsFromGuest(frames: readonly PcapFrame[], family: Family): number[] {
  return frames
    .map(decodeFrame)
    .filter(({ ip, tcp }) => ip?.source === GUEST_SOURCE[family] && (tcp?.payloadLength ?? 0) > 0)
    .map(({ tcp }) => tcp!.payloadLength)
}

describe('a peer that announces its MSS', () => {
  test.override('guest', { ...GUEST, network: 'routed' })

  test.for([
    [536, 4, true],
    [536, 4, false],
    [1220, 4, true],
    [1220, 4, false],
    [1460, 4, true],
    [1460, 4, false],
    [1220, 6, true],
    [1220, 6, false],
    [1440, 6, true],
    [1440, 6, false],
  ] as [number, Family, boolean][])(
    'of %i over IPv%i (timestamps asked for: %s) gets payloads around whole segments',
    async ([mss, family, timestamps], { site }) => {
      await site.topology.announceMss(mss)
      await site.topology.far.setSysctl('net.ipv4.tcp_timestamps', timestamps ? 1 : 0)
      await site.boot()
      const host = GUEST_HOST[family]
      const { onTap, onWire } = await judged(site, family, 1500, async () => {
        await expectEcho(site.peer, { host }, sizesAround(mss))
        await expectEcho(site.peer, { host }, sizesAround(mss - TIMESTAMPS_OPTION))
        await expectDownload(site.peer, { host }, BYTES)
      })
      const syns = onWire.map(decodeFrame).filter(({ tcp }) => tcp?.syn === true && !tcp.ack)
      expect(new Set(syns.map(({ tcp }) => tcp!.mss))).toEqual(new Set([mss]))
      expect(new Set(syns.map(({ tcp }) => tcp!.timestamps))).toEqual(new Set([timestamps]))
      // RFC 9293 §3.7.1: a segment's options count against the MSS.
      const answered = onWire
        .map(decodeFrame)
        .some(({ ip, tcp }) => ip?.source === GUEST_SOURCE[family] && tcp?.syn && tcp.timestamps)
      const most = answered ? mss - TIMESTAMPS_OPTION : mss
      const onWirePayloads = payloadsFromGuest(onWire, family)
      expect(Math.max(...onWirePayloads)).toBe(most)
      // The sizes at the edge did reach the device, each as one frame.
      const onTapPayloads = payloadsFromGuest(onTap, family)
      for (const size of [most - 1, most, most + 1, 2 * most, 2 * most + 1, 10 * most]) {
        expect(onTapPayloads).toContain(size)
      }
    },
  )

  test('has a window smaller than a super-segment, which the guest never oversteps', async ({
    site,
  }) => {
    await site.topology.announceMss(1460)
    await site.topology.far.setSysctl('net.ipv4.tcp_rmem', '4096 8192 8192')
    await site.boot()
    for (const family of [4, 6] as const) {
      const { onTap } = await judged(site, family, 1500, () =>
        expectDownload(site.peer, { host: GUEST_HOST[family] }, BYTES),
      )
      expect(overstepped(onTap, family)).toEqual([])
    }
  })
})

describe('an MTU of 1280 behind the host', () => {
  test.override('guest', { ...GUEST, network: 'routed' })
  test.override('topologyOptions', { farMtu: 1280 })

  test.for([4, 6] as Family[])('holds for every segment over IPv%i', async (family, { site }) => {
    await site.boot()
    const host = GUEST_HOST[family]
    const { onTap } = await judged(site, family, 1280, async () => {
      await expectDownload(site.peer, { host }, 4 * BYTES)
      await expectUpload(site.peer, { host }, 4 * BYTES)
    })
    expect(Math.max(...payloadsFromGuest(onTap, family))).toBeGreaterThan(1500)
    const near = await site.topology.near.counters()
    expect(near.get('IpFragCreates')).toBe(0)
    expect(near.get('Ip6FragCreates')).toBe(0)
  })
})

describe('an MTU of 296 behind the host (RFC 1191 §7.1), less than what is believed of a path', () => {
  test.override('guest', { ...GUEST, network: 'routed' })
  test.beforeEach(async ({ site }) => {
    const { topology } = site
    await topology.announceMss(1460)
    // Too small for IPv6, whose addresses and routes go with it.
    await topology.near.script('ip link set va mtu 296')
    await topology.far.script('ip link set vb mtu 296')
  })

  test('is passed by fragments of segments without DF (RFC 1191 §3), super-segments and short ones', async ({
    site,
  }) => {
    await site.boot()
    const host = GUEST_HOST[4]
    const { frames } = await site.capture([site.topology.tap], async () => {
      await expectDownload(site.peer, { host }, BYTES)
      await expectUpload(site.peer, { host }, BYTES)
      await expectEcho(site.peer, { host }, [1, 256, 257, 512, 513, 1400, 9000])
      expect(await longestDatagram(site, host)).toBeGreaterThan(400)
    })
    const sent = frames[0]!.filter(({ bytes }) => bytes.readUInt16BE(12) === 0x0800)
    const data = sent.filter((raw) => {
      const { ip, tcp } = decodeFrame(raw)
      return ip?.source === GUEST_SOURCE[4] && (tcp?.payloadLength ?? 0) > 500
    })
    const isWithDf = ({ bytes }: PcapFrame): boolean => (bytes[20]! & 0x40) !== 0
    // What goes before the router has said so, and then never again.
    const withDf = data.filter(isWithDf).length
    expect(withDf).toBeGreaterThan(0)
    expect(withDf).toBeLessThan(30)
    expect(data.length).toBeGreaterThan(10 * withDf)
    expect(Math.max(...payloadsFromGuest(data, 4))).toBeGreaterThan(1500)
    const near = await site.topology.near.counters()
    expect(near.get('IpFragCreates')).toBeGreaterThan(BYTES / 512)
  })
})

/**
 * The longest of so many answers of chargen, which are 0 to 512 octets long (RFC 864); the first
 * one too long for its way is lost.
 */
async function longestDatagram(site: Site, host: string): Promise<number> {
  let longest = 0
  for (let request = 0; request < 25 && longest <= 400; request++) {
    const send = Buffer.from('x').toString('base64')
    const answer = await site.peer.request('datagram', { host, port: 19, send, timeoutMs: 500 })
    longest = Math.max(longest, Buffer.from(answer.received, 'base64').length)
  }
  return longest
}

/**
 * Data frames of the guest beyond what the peer's last acknowledgment allowed (RFC 9293 §3.8.6),
 * one line each. The TAP's capture has both directions in the order in which the guest got and sent
 * them, or nearly so.
 */
function overstepped(frames: readonly PcapFrame[], family: Family): string[] {
  const limits = new Map<number, { scale: number; edge: number }>()
  const lines: string[] = []
  for (const [index, raw] of frames.entries()) {
    const { ip, tcp } = decodeFrame(raw)
    if (ip === undefined || tcp === undefined || ip.version !== family) continue
    if (ip.source !== GUEST_SOURCE[family]) {
      if (tcp.syn) limits.set(tcp.sourcePort, { scale: tcp.windowScale ?? 0, edge: 0 })
      const limit = limits.get(tcp.sourcePort)
      if (limit === undefined || !tcp.ack) continue
      limit.edge = (tcp.acknowledgment + (tcp.window << limit.scale)) >>> 0
      continue
    }
    const limit = limits.get(tcp.destinationPort)
    if (limit === undefined || tcp.payloadLength === 0 || limit.edge === 0) continue
    const end = (tcp.sequence + tcp.payloadLength) >>> 0
    // One byte beyond a closed window is a probe, which RFC 9293 §3.8.6.1 asks for.
    const beyond = (end - limit.edge) | 0
    if (beyond > 1) lines.push(`frame ${index + 1}: ${beyond} bytes beyond the window`)
  }
  return lines
}
