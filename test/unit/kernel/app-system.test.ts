/** What apps are lent: time, timers and text. */
import { describe, expect, it } from 'vitest'
import { createAppSystem } from '../../../kernel/app-system.ts'
import { Logger } from '../../../kernel/logger.ts'
import { ShutdownController } from '../../../kernel/shutdown-signal.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'
import { VERSION } from '../../../kernel/version.ts'
import manifest from '../../../package.json' with { type: 'json' }
import { fakeBulk } from '../../fakes/fake-bulk.ts'
import { createPacketBuffer } from '../../support/memory.ts'

const READINGS = { uptimeNs: 1, sleptNs: 2, sentBytes: 3, receivedBytes: 4, connections: 5 }

function fixture() {
  const timers = new TimerQueue()
  let nowNs = 0
  const system = createAppSystem({
    platform: {
      monotonicNs: () => nowNs,
      encodeUtf8: (text, target, offset) =>
        new TextEncoder().encodeInto(text, target.subarray(offset)).written,
      decodeUtf8: (bytes, offset, length) =>
        new TextDecoder().decode(bytes.subarray(offset, offset + length)),
      memoryUsage: () => ({
        ...{ engineBytes: 1, heapBytes: 2, dmaBytes: 3, ramBytes: 4, freeBytes: 5 },
      }),
      collectGarbage() {},
      ...{ startDigest() {}, digestBlocks() {}, maskBytes() {}, headLength: () => 0 },
    },
    bulk: { ...fakeBulk, crc32: () => 7 },
    allocateDma: createPacketBuffer,
    timers,
    log: new Logger('app', 'error', { write() {}, nowNs: () => nowNs }),
    services: null,
    network: null,
    shutdown: new ShutdownController(),
    statistics: {
      object: () => ({ answer: 42 }),
      text: () => '{"answer":42}',
      readings: () => READINGS,
    },
  })
  const advance = (ms: number) => {
    nowNs += ms * 1e6
    timers.runDue(nowNs, 100)
  }
  return { system, timers, advance }
}

describe('createAppSystem', () => {
  it('counts milliseconds with their fraction and runs timers that were not canceled', () => {
    const { system, timers, advance } = fixture()
    const ran: string[] = []
    system.after(5, () => ran.push('kept'))
    system.after(5, () => ran.push('canceled')).cancel()
    advance(5.7)
    expect(system.nowMs()).toBe(5.7)
    expect(ran).toEqual(['kept'])
    expect(timers.size).toBe(0)
  })

  it('encodes text of any length exactly', () => {
    const { system } = fixture()
    const bytes = system.encodeText('a\u00e9\u20ac\ud83d\ude00')
    expect([...bytes]).toEqual([0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80])
    expect(system.decodeText(bytes, 1, 5)).toBe('\u00e9\u20ac')
  })
})

describe('VERSION', () => {
  it('is that of package.json', () => {
    expect(VERSION).toBe(manifest.version)
  })

  it('gives statistics as an object and as text', () => {
    const { system } = fixture()
    expect(system.statistics()).toEqual(JSON.parse(system.statisticsText()))
    expect(system.readings()).toBe(READINGS)
  })
})
