/**
 * Whose turn it is when many want to send: in order, so many before received frames have theirs,
 * and none twice before another.
 */
import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ack, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

function connectMany(script: TcpScript, count: number): number[] {
  const { tcp, peer, nowMs } = script
  return Array.from(
    { length: count },
    (_, index) => tcp.connect({ address: peer, port: 1000 + index }, nowMs).localPort,
  )
}

const portsOf = (script: TcpScript) => script.drain().map(({ sourcePort }) => sourcePort)

const portsTo = (script: TcpScript) => script.drain().map(({ destinationPort }) => destinationPort)

/** So many, of which each has 150 frames to send and a window for them. */
function senders(count: number): TcpScript {
  return busySockets(count).script
}

/** Behind them others that have nothing to send. */
function busySockets(count: number, idleCount = 0): { script: TcpScript; sockets: TcpSocket[] } {
  const script = new TcpScript({ configuration: { bufferBudgetBytes: 64 << 20 } })
  const listener = script.listen(64)
  for (let index = 0; index < count + idleCount; index++) {
    script.peerPort = 3000 + index
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
    script.send(ack(1))
    script.drain()
  }
  const sockets = Array.from({ length: count + idleCount }, () => listener.accept()!)
  for (const socket of sockets.slice(0, count)) {
    socket.sendLimit = 1 << 18
    socket.sendSpace = 1 << 18
    socket.congestion.windowBytes = 1 << 18
    socket.sendWindow = 1 << 18
    expect(socket.send(new Uint8Array(150 * 1460), 0, 150 * 1460)).toBe(150 * 1460)
  }
  return { script, sockets }
}

/** Frames in a row of one connection. */
function turnsIn(script: TcpScript): number[] {
  const turns: number[] = []
  let last = 0
  for (const { destinationPort } of script.drain()) {
    if (destinationPort !== last) turns.push(0)
    last = destinationPort
    turns[turns.length - 1]!++
  }
  return turns
}

describe('sockets that are ready', () => {
  it('have their turn in rounds of 64, so that received frames have theirs between', () => {
    const script = new TcpScript()
    const ports = connectMany(script, 150)
    expect(portsOf(script)).toEqual(ports.slice(0, 64))
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(script.nowMs)
    expect(portsOf(script)).toEqual(ports.slice(64, 128))
    expect(portsOf(script)).toEqual(ports.slice(128))
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBeGreaterThan(script.nowMs)
  })

  it('keep their order when the device is full, before those that come later', () => {
    const script = new TcpScript()
    const first = connectMany(script, 20)
    script.isDeviceFull = true
    for (let turn = 0; turn < 3; turn++) script.expectSilence()
    const second = Array.from(
      { length: 5 },
      (_, index) =>
        script.tcp.connect({ address: script.peer, port: 2000 + index }, script.nowMs).localPort,
    )
    script.isDeviceFull = false
    expect(portsOf(script)).toEqual([...first, ...second])
  })
})

describe('connections that have much to send', () => {
  it('send 128 frames before others do, and 32 where more than three wait', () => {
    expect(turnsIn(senders(4))).toEqual([128])
    expect(turnsIn(senders(5))).toEqual([32, 32, 32, 32])
  })

  it('send no more than 128 frames before received frames have their turn', () => {
    const script = senders(12)
    for (let round = 0; round < 5; round++) {
      expect(turnsIn(script)).toEqual([32, 32, 32, 32])
      expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(script.nowMs)
    }
  })
})

describe('a device with less room than a turn has frames', () => {
  it.each([2, 3])('has each of %i connections have its turn', (count) => {
    const { script } = busySockets(count)
    const served: number[] = []
    for (let round = 0; round < count; round++) {
      script.room = 65
      served.push(...new Set(portsTo(script)))
    }
    const ports = Array.from({ length: count }, (_, index) => 3000 + index)
    expect(served).toEqual(ports)
  })
})

describe('a device that was full and has a few places', () => {
  it('keeps them for frames that come by themselves', () => {
    const { script, sockets } = busySockets(2, 1)
    script.isCrowded = true
    sockets[2]!.send(new Uint8Array(100), 0, 100)
    expect(portsTo(script)).toEqual([3002])
    script.isCrowded = false
    expect(turnsIn(script)).toEqual([128])
  })
})

describe('a connection with little to send', () => {
  it('goes before those that have much, and behind others of its kind', () => {
    const script = senders(12)
    turnsIn(script)
    const ports = connectMany(script, 3)
    const sent = script.drain()
    expect(sent.slice(0, 3).map(({ sourcePort }) => sourcePort)).toEqual(ports)
    expect(sent.length).toBeGreaterThan(60)
  })

  it('lets those that have much have their turns, however many of its kind come', () => {
    const script = senders(2)
    const ports = connectMany(script, 200)
    const sent: (number | 'much')[] = []
    for (let round = 0; round < 12; round++) {
      for (const { flags, sourcePort } of script.drain()) {
        if (flags === 'S') sent.push(sourcePort)
        else if (sent.at(-1) !== 'much') sent.push('much')
      }
    }
    expect(sent.filter((one) => one !== 'much')).toEqual(ports)
    expect(sent.indexOf('much')).toBe(64)
  })
})

describe('connections of an interface whose link is down', () => {
  it('are tried once and not in the turns of others, and go on in their order when it returns', () => {
    const script = new TcpScript()
    script.isLinkUp = false
    const ports = connectMany(script, 500)
    for (let turn = 0; turn < 50; turn++) script.expectSilence()
    expect(script.refusals).toBe(500)
    // Nothing asks for another turn, but what each waits for by time.
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBeGreaterThan(script.nowMs)
    script.isLinkUp = true
    const sent: number[] = []
    for (let turn = 0; turn < 20; turn++) sent.push(...portsOf(script))
    expect(sent).toEqual(ports)
  })

  it('tell their users what happens to them meanwhile', () => {
    const script = new TcpScript()
    const { socket, log } = script.establish()
    script.isLinkUp = false
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    script.advance(5)
    const { refusals } = script
    script.send(rst(1))
    script.drain()
    expect(log.events.at(-1)).toBe('closed reset')
    expect(script.refusals).toBe(refusals)
    script.isLinkUp = true
    script.expectSilence()
  })
})

describe('a device that takes nothing, though its link is up', () => {
  it('is asked once a turn, however many wait, and serves all in their order once it does', () => {
    const script = new TcpScript()
    script.isDeviceFull = true
    const ports = connectMany(script, 200)
    for (let turn = 0; turn < 10; turn++) script.drain()
    const { refusals } = script
    for (let turn = 0; turn < 10; turn++) script.drain()
    expect(script.refusals - refusals).toBe(10)
    script.isDeviceFull = false
    const sent: number[] = []
    for (let turn = 0; turn < 10; turn++) sent.push(...portsOf(script))
    expect(sent).toEqual(ports)
  })

  it('keeps nobody from hearing what happens to a connection that waits for it', () => {
    const { script, sockets } = busySockets(3)
    const closed: number[] = []
    for (const [index, socket] of sockets.entries()) {
      socket.handler = { onClose: () => closed.push(index) }
    }
    script.isDeviceFull = true
    script.drain()
    script.peerPort = 3002
    script.send(rst(1))
    script.drain()
    expect(closed).toEqual([2])
  })

  it('nor of what its user does to others then', () => {
    const { script, sockets } = busySockets(2, 1)
    const [waiting, reset, idle] = sockets
    const closed: string[] = []
    waiting!.handler = { onClose: () => closed.push('waiting') }
    idle!.handler = { onClose: () => closed.push('idle') }
    reset!.handler = {
      onClose: () => {
        closed.push('reset')
        waiting!.abort()
        idle!.abort()
      },
    }
    script.isDeviceFull = true
    script.drain()
    script.peerPort = 3001
    script.send(rst(1))
    script.drain()
    expect(closed.sort()).toEqual(['idle', 'reset', 'waiting'])
  })

  it('has a turn end though each that hears of something has another hear', () => {
    const script = new TcpScript()
    const { tcp, peer: address, nowMs } = script
    connectMany(script, 1)
    let count = 0
    const handler = { onClose: () => again() }
    const again = () => {
      if (++count === 10_000) throw new Error('The turn does not end')
      tcp.connect({ address, port: 2000 + count, handler }, nowMs).abort()
    }
    again()
    script.isDeviceFull = true
    script.drain()
    expect(count).toBeLessThan(100)
    expect(tcp.nextDeadlineMs(nowMs)).toBe(nowMs)
  })
})
