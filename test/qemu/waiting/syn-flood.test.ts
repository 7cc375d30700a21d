/**
 * The booted guest under a SYN flood: Linux clients among it connect, are reset by nobody, and get
 * their bytes (RFC 4987).
 */
import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeFrame, type EchoRound, GUEST_ADDRESS4, type PcapFrame } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { buildFlooder, flood, GUEST_MAC } from '../../../scripts/bench/flood/syn-flood.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { HttpClient } from '../support/http-client.ts'
import { temporaryFolder } from '../support/paths.ts'

const ECHO_PORT = 7
const CLIENTS = 50
const FLOOD = { port: ECHO_PORT, perSecond: 1000, seconds: 20 }
const WARM_UP_MS = 2000
const INTERVAL_MS = 300
/**
 * A guest that has too little of a busy machine loses segments with the flood; they go again, at
 * growing intervals.
 */
const CLIENT_TIMEOUT_MS = 40_000
/** A socket with its flow, as there was one for each SYN, was 4 KB. */
const MEMORY_SLACK_BYTES = 512 * 1024

test.override('guest', { ...GUEST, network: 'direct' })

let folder = ''
let program = ''
beforeAll(async () => {
  folder = temporaryFolder()
  program = await buildFlooder(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.beforeEach(async ({ site }) => {
  // A busy machine may lose every question of ARP in a flood; what is judged here is TCP.
  const { namespace, interfaceName } = site.topology.tap
  const entry = `${GUEST_ADDRESS4} lladdr ${GUEST_MAC} dev ${interfaceName} nud permanent`
  await namespace.script(`ip neigh replace ${entry}`)
})

interface Stats {
  readonly memory: { readonly engineBytes: number }
  readonly connections: { readonly open: number; readonly halfOpen: number }
  readonly tcp: { readonly synCookiesSent: number; readonly synCookiesAccepted: number }
}

async function readStats(client: HttpClient): Promise<Stats> {
  return JSON.parse((await client.send('/stats')).body.toString())
}

/**
 * Segments that the guest sent: SYN-ACKs to nobody, SYN-ACKs to the clients, and resets to them.
 * Who has sent no SYN is a client of the guest before, whose last segments a reset is due to.
 */
function judge(frames: readonly PcapFrame[], clientAddress: string) {
  const counts = { toNobody: 0, toClients: 0, resets: 0 }
  const begun = new Set<number>()
  for (const frame of frames) {
    const { ip, tcp } = decodeFrame(frame)
    if (ip === undefined || tcp === undefined) continue
    if (ip.source === clientAddress && tcp.syn) begun.add(tcp.sourcePort)
    if (ip.source !== GUEST_ADDRESS4) continue
    const isToClient = ip.destination === clientAddress
    if (tcp.rst && isToClient && begun.has(tcp.destinationPort)) counts.resets++
    if (!tcp.syn || !tcp.ack) continue
    if (isToClient) counts.toClients++
    else counts.toNobody++
    expect(tcp.checksum).not.toBe('bad')
    expect(ip.headerChecksumGood).toBe(true)
  }
  return counts
}

describe.each(['plain', 'linux'] as const)('a thousand %s SYNs a second for 20 s', (options) => {
  test('50 of 50 clients connect and get back what they sent; no reset, and memory is flat', {
    timeout: 100_000,
  }, async ({ site }) => {
    const { vm } = await site.boot()
    const { peer, topology } = site
    const stats = await HttpClient.toGuest(site, 80)
    try {
      const { result, frames } = await site.capture([topology.tap], async () => {
        const flooding = flood(program, topology.near, { ...FLOOD, options, seed: 1 })
        await delay(WARM_UP_MS)
        const before = await readStats(stats)
        const rounds: Promise<EchoRound[]>[] = []
        for (let number = 0; number < CLIENTS; number++) {
          const target = { host: GUEST_ADDRESS4, port: ECHO_PORT, timeoutMs: CLIENT_TIMEOUT_MS }
          rounds.push(peer.request('echo', { ...target, sizes: [1000, 4000] }))
          // All of them are judged below.
          rounds.at(-1)!.catch(() => undefined)
          await delay(INTERVAL_MS)
        }
        const echoes = await Promise.all(rounds)
        const after = await readStats(stats)
        const sent = await flooding
        return { before, after, echoes, sent }
      })
      const { before, after, echoes, sent } = result
      expect(sent).toBe(FLOOD.perSecond * FLOOD.seconds)
      expect(echoes).toHaveLength(CLIENTS)
      for (const [first, second] of echoes) {
        expect(first).toMatchObject({ bytes: 1000, equal: true })
        expect(second).toMatchObject({ bytes: 4000, equal: true })
      }
      const { toNobody, toClients, resets } = judge(frames[0]!, topology.peerAddress4)
      expect(resets).toBe(0)
      expect(toClients).toBeGreaterThanOrEqual(CLIENTS)
      // It was a flood to the guest as well, even where a busy machine has lost some of it on the
      // way.
      expect(toNobody).toBeGreaterThan(sent / 2)
      expect(after.tcp.synCookiesSent).toBeGreaterThan(sent / 4)
      expect(after.tcp.synCookiesAccepted).toBeGreaterThan(CLIENTS / 2)
      expect(after.connections.halfOpen).toBeLessThanOrEqual(1024)
      const growth = after.memory.engineBytes - before.memory.engineBytes
      expect(growth).toBeLessThan(MEMORY_SLACK_BYTES)
      expect(vm.console.text).not.toMatch(/panic|failed/)
    } finally {
      stats.close()
    }
  })
})
