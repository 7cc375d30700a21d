/**
 * Connections in a row from one peer are copies of a model: each is as one that is made step by
 * step, and shares with others only what nobody writes.
 */
import { describe, expect, it } from 'vitest'
import type { TcpListenSocket } from '../../../../../net/socket/tcp/open/listen-socket.ts'
import type { SocketHost } from '../../../../../net/socket/tcp/socket-host.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { setAddress } from '../../../../../net/wire/ip-address.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import {
  ack,
  type ScriptOptions,
  type ScriptSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

type Fields = Record<string, unknown>

const STAMPED: Partial<ScriptSegment> = {
  ...{ timestamp: [1000, 0], windowScale: 7, sackPermitted: true, mss: 1400 },
}

function recentOf(script: TcpScript) {
  const { host } = script.tcp as unknown as { host: SocketHost }
  return host.opener.admission.recent
}

function hasModel(script: TcpScript): boolean {
  return (recentOf(script) as unknown as { model: unknown }).model !== null
}

/** A stack whose next connection is the peer's third, made step by step where it must be. */
class Site {
  readonly script: TcpScript
  private readonly isStepwise: boolean
  private readonly listener
  private port = 2000

  constructor(isStepwise: boolean, options: ScriptOptions = {}) {
    this.isStepwise = isStepwise
    this.script = new TcpScript(options)
    this.listener = this.script.listen(64)
  }

  open(fields: Partial<ScriptSegment>, roundTripMs = 2, window = 500): TcpSocket {
    const { script } = this
    script.peerPort = this.port++
    script.send(syn(fields))
    script.drain()
    script.nowMs += roundTripMs
    if (this.isStepwise) recentOf(script).forget()
    const { timestamp } = fields
    const stamp = timestamp === undefined ? {} : { timestamp: [timestamp[0] + 3, 0] as const }
    script.send(ack(1, { sequence: 1, window, ...stamp }))
    return this.listener.accept()!
  }
}

/** What may differ: objects of either stack, and when a round trip that is over began. */
const OWN = ['host', 'acceptor', 'flow', 'timedAtMs', 'nextInBucket', 'nextReady']

function expectAlike(made: TcpSocket, wanted: TcpSocket): void {
  const [found, expected] = [made, wanted] as unknown as [Fields, Fields]
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  for (const [name, value] of Object.entries(expected)) {
    if (!OWN.includes(name)) expect(found[name], name).toEqual(value)
  }
  expect(made.flow!.record.flowHash).toBe(wanted.flow!.record.flowHash)
  expect(made.flow!.progress === null).toBe(wanted.flow!.progress === null)
}

describe.each([4, 6] as const)('connections in a row from one peer, IPv%i', (version) => {
  it('are as those that are made step by step, whatever their SYNs say', () => {
    const sites = [false, true].map((isStepwise) => new Site(isStepwise, { version }))
    const random = new SeededRandom(3)
    const below = (limit: number) => Math.floor(random.nextFraction() * limit)
    let copied = 0
    for (let round = 0; round < 300; round++) {
      const fields: Partial<ScriptSegment> = below(2) === 0 ? { ...STAMPED } : { mss: 1400 }
      if (below(20) === 0) fields.mss = 500 + below(900)
      if (below(20) === 0) fields.flags = 'SEC'
      fields.window = 1000 + below(60_000)
      const [roundTripMs, window] = [below(3), 1 + below(60_000)]
      const [made, wanted] = sites.map((site) => {
        const socket = site.open(fields, roundTripMs, window)
        const before = hasModel(site.script)
        if (site === sites[0] && before) copied++
        return socket
      })
      expectAlike(made!, wanted!)
      for (const socket of [made!, wanted!]) if (round % 5 !== 0) socket.abort()
      for (const { script } of sites) script.drain()
    }
    expect(copied).toBeGreaterThan(100)
  })

  it('send and receive, each with what is its alone', () => {
    const { script, open } = siteWithModel(version)
    const [one, other] = [open(), open()] as unknown as [Fields, Fields]
    const shared = Object.keys(one).filter((name) => {
      const value = one[name]
      return typeof value === 'object' && value !== null && value === other[name]
    })
    expect(shared.sort()).toEqual(
      ['acceptor', 'configuration', 'host', 'ipFields', 'localAddress', 'olderOwner']
        .concat('remoteAddress')
        .sort(),
    )
    const socket = other as unknown as TcpSocket
    socket.send(new Uint8Array([7, 8]), 0, 2)
    script.expectSegments({ flags: 'PA', length: 2, acknowledgment: 1, sequence: 1 })
    script.send({ flags: 'PA', sequence: 1, acknowledgment: 3, payload: 'ab' })
    expect([socket.receivedLength, socket.sendUnacknowledged - socket.sendNext]).toEqual([2, 0])
  })
})

function siteWithModel(version: 4 | 6 = 4, options: ScriptOptions = {}) {
  const site = new Site(false, { version, ...options })
  for (let count = 0; count < 2; count++) site.open({})
  expect(hasModel(site.script)).toBe(true)
  return { script: site.script, open: (fields = {}) => site.open(fields) }
}

/** What it holds, and what its model does. */
function reachable(recent: object): unknown[] {
  const { model } = recent as { model: object | null }
  return [...Object.values(recent), ...Object.values(model ?? {})]
}

describe('the model', () => {
  it('is none of the first connection of a peer, nor of one that says something else', () => {
    const site = new Site(false)
    site.open({})
    expect(hasModel(site.script)).toBe(false)
    site.open(STAMPED)
    expect(hasModel(site.script)).toBe(false)
    site.open(STAMPED)
    expect(hasModel(site.script)).toBe(true)
  })

  it('is not used for a peer whose SYN-ACK was sent twice: its window is one segment', () => {
    const { script } = siteWithModel()
    script.peerPort = 3000
    script.send(syn())
    script.drain()
    script.advance(1500)
    script.drain()
    script.send(ack(1))
    const socket = [...script.tcp.sockets()].find((one) => one.remotePort === 3000)
    expect(socket!.isSynLost).toBe(true)
    expect(socket!.congestion.windowBytes).toBe(socket!.segmentSize)
  })

  it('is not used when the path carries something else by now, or there is none', () => {
    const { script, open } = siteWithModel()
    ;(script as unknown as { options: { mtu: number } }).options.mtu = 1000
    expect(open().segmentSize).toBe(960)
    script.hasRoute = false
    expect(open()).toBe(null)
    expect(script.tcp.statistics.drops.noRoute).toBe(1)
  })

  it('is not used once the device cuts other frames', () => {
    const { script, open } = siteWithModel(4, { superSegmentLimit: 60_000 })
    expect(open().frameLimit).toBe(41 * 1460)
    ;(script as unknown as { options: ScriptOptions }).options.superSegmentLimit = 0
    script.tcp.planFrames()
    expect(open().frameLimit).toBe(1460)
  })

  it('is not used for what comes by another interface than the model did', () => {
    const { script, open } = siteWithModel()
    const { opener } = (script.tcp as unknown as { host: SocketHost }).host
    const record = opener.queue.take()
    expect(recentOf(script).take(record, script.nowMs)).toBe(null)
    open()
    const model = [...script.tcp.sockets()].slice(-1)[0]!
    Object.assign(record, { listener: model.acceptor, window: 65_535, arrivalIndex: 0 })
    setAddress(record.source, script.peer)
    setAddress(record.destination, script.local)
    record.options = (recentOf(script) as unknown as { options: number }).options
    expect(recentOf(script).take(record, script.nowMs)).not.toBe(null)
    record.arrivalIndex = 1
    expect(recentOf(script).take(record, script.nowMs)).toBe(null)
  })

  it('is not used while memory is scarce: windows are smaller', () => {
    const { script, open } = siteWithModel()
    const { receiveLimit } = open()
    script.tcp.memory.isPressed = true
    expect(open().receiveLimit).toBeLessThan(receiveLimit)
  })

  it('keeps neither a connection, whose user has forgotten it, nor a listener that is closed', () => {
    const { script, open } = siteWithModel()
    const socket = open(STAMPED)
    socket.abort()
    script.drain()
    const listener = socket.acceptor as TcpListenSocket
    expect(reachable(recentOf(script))).not.toContain(socket)
    expect(reachable(recentOf(script))).toContain(listener)
    listener.close()
    expect(reachable(recentOf(script))).not.toContain(listener)
    expect(hasModel(script)).toBe(false)
  })

  it('lets in no more than there may be', () => {
    const { script, open } = siteWithModel(4, { configuration: { maxConnections: 4 } })
    open()
    open()
    expect(open()).toBe(null)
    expect(script.tcp.connectionCount).toBe(4)
  })
})
