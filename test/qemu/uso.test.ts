/**
 * UDP segmentation (virtio 1.4 §5.1.6.2, §5.1.6.4) with a real host: a QEMU that offers it does it,
 * one that does not sees the same packets.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PcapFrame } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { decodeUdp } from './support/frames.ts'
import { type Family, GUEST_HOST } from './support/guest-addresses.ts'
import type { Guest, Site } from './support/site.ts'

/** Long enough for an answer under TCG on a busy machine. */
const ANSWER_MS = 15_000
const SEND_PORT = 7777
const SINK_PORT = 7778
const FAMILIES = [4, 6] as const
/** Of Linux: of the level of UDP, the option UDP_SEGMENT. */
const UDP_SEGMENT = '17:103'
const IP_AND_UDP = { 4: 28, 6: 48 } as const

function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8)))
}

async function ask(site: Site, family: Family, port: number, text: string): Promise<Buffer> {
  const { received } = await site.peer.request('datagram', {
    host: GUEST_HOST[family],
    port,
    send: Buffer.from(text).toString('base64'),
    timeoutMs: ANSWER_MS,
  })
  return Buffer.from(received, 'base64')
}

/** Whether QEMU offered what the guest then took; both must agree. */
async function negotiated({ vm, ready }: Guest, name: string): Promise<boolean> {
  const device = await vm.virtioNet()
  expect(device.broken).toBe(false)
  expect(device.negotiated.has(name)).toBe(device.offered.has(name))
  expect(ready.features.negotiated.includes(name)).toBe(device.negotiated.has(name))
  return device.negotiated.has(name)
}

function fromGuest(frames: readonly PcapFrame[]) {
  return frames
    .map(({ bytes }) => decodeUdp(bytes))
    .filter((frame) => frame !== undefined)
    .filter(({ sourcePort }) => sourcePort === SEND_PORT)
}

describe('a Linux peer behind a router', () => {
  test.override('guest', { ...GUEST, network: 'routed' })

  test.for([
    ['by a device that may', {}],
    ['by the guest itself with offload=none', { append: { offload: 'none' } }],
  ] as const)('gets datagrams of one size, cut %s', async ([_who, options], { site }) => {
    const initrd = await buildApp('series.ts')
    const guest = await site.boot({ initrd, ...options })
    const isCut = !('append' in options) && (await negotiated(guest, 'HOST_USO'))
    expect(guest.ready.segmentation).toMatchObject(isCut ? { udpv4: 65535, udpv6: 65535 } : {})
    const points = [site.topology.tap, site.topology.wire]
    const [length, segmentLength] = [60_100, 1200]
    const { frames } = await site.capture(points, async () => {
      for (const family of FAMILIES) {
        const first = await ask(site, family, SEND_PORT, `${length} ${segmentLength}`)
        expect(first.equals(pattern(segmentLength))).toBe(true)
      }
    })
    const [onTap, onWire] = frames.map(fromGuest)
    const largest = Math.max(...onTap!.map((it) => it.payload.length))
    expect(largest).toBe(isCut ? length : segmentLength)
    expect(onWire!.every(({ isChecksumGood, checksum }) => isChecksumGood && checksum !== 0)).toBe(
      true,
    )
    expect(onWire!.map(({ payload }) => payload.length)).toEqual(
      FAMILIES.flatMap(() => [...new Array<number>(50).fill(segmentLength), 100]),
    )
    const all = Buffer.concat(onWire!.map(({ payload }) => payload))
    expect(all.equals(Buffer.concat(FAMILIES.map(() => pattern(length))))).toBe(true)
    const counters = await site.topology.far.counters()
    for (const name of ['UdpInCsumErrors', 'Udp6InCsumErrors', 'UdpInErrors', 'Udp6InErrors']) {
      expect([name, counters.get(name) ?? 0]).toEqual([name, 0])
    }
  })
})

describe('a Linux host that sends with UDP_SEGMENT', () => {
  test.override('guest', { ...GUEST, network: 'direct' })

  test.for(FAMILIES)(
    'has its datagrams arrive one by one over IPv%i, joined by it or not',
    async (family, { site }) => {
      const guest = await site.boot({ initrd: await buildApp('series.ts') })
      const isJoined = await negotiated(guest, `GUEST_USO${family}`)
      const path = join(site.folder, 'series.bin')
      const [length, segmentLength] = [50_300, 1000]
      writeFileSync(path, pattern(length))
      const host = family === 4 ? `UDP4:${GUEST_HOST[4]}` : `UDP6:[${GUEST_HOST[6]}]`
      const target = `${host}:${SINK_PORT},setsockopt-int=${UDP_SEGMENT}:${segmentLength}`
      // The neighbor is known by then: Linux holds back few packets for one that is not.
      expect((await ask(site, family, SINK_PORT, 'tell')).toString()).toContain('"lengths":[]')
      const { frames } = await site.capture([site.topology.tap], async () => {
        await site.topology.near.run(['socat', '-b', '65000', '-u', `OPEN:${path}`, target])
        const told = JSON.parse((await ask(site, family, SINK_PORT, 'tell')).toString())
        expect(told).toEqual({
          lengths: [...new Array<number>(50).fill(segmentLength), 300],
          isInOrder: true,
        })
      })
      const longest = Math.max(...frames[0]!.map(({ bytes }) => bytes.length))
      const whole = 14 + IP_AND_UDP[family]
      if (isJoined) expect(longest).toBe(whole + length)
      else expect(longest).toBe(whole + segmentLength)
    },
  )
})
