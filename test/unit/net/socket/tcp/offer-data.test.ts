/**
 * Text taken where the device has put it: what is offered, what is not, and that the stream and its
 * ACKs stay the same.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  ack,
  data,
  EventLog,
  fin,
  LOCAL_PORT,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

/** Takes up to `appetite` bytes of each offer, and reads the rest when told of it. */
class Taker extends EventLog {
  appetite = Number.POSITIVE_INFINITY
  readsAtOnce = true
  text = ''
  readonly offers: number[] = []

  offerData(_socket: TcpSocket, bytes: Uint8Array, offset: number, length: number): number {
    this.offers.push(length)
    const count = Math.min(length, this.appetite)
    this.text += Buffer.from(bytes.subarray(offset, offset + count)).toString('latin1')
    return count
  }

  override onReadable(socket?: TcpSocket): void {
    super.onReadable()
    if (this.readsAtOnce) this.readAll(socket!)
  }

  readAll(socket: TcpSocket): void {
    const bytes = new Uint8Array(socket.receivedLength)
    socket.receive(bytes, 0, bytes.length)
    this.text += Buffer.from(bytes).toString('latin1')
  }
}

function established(options: ConstructorParameters<typeof TcpScript>[0] = {}) {
  const script = new TcpScript(options)
  const { socket } = script.establish()
  const taker = new Taker()
  socket.handler = taker
  return { script, socket, taker }
}

describe('text in order', () => {
  it('is taken before anything is copied, and nobody is told of it again', () => {
    const { script, socket, taker } = established()
    script.send(data(1, 'hello '), data(7, 'world'))
    expect(taker.text).toBe('hello world')
    expect(socket.receivedLength).toBe(0)
    script.drain()
    expect(taker.events).toEqual([])
    expect(socket.statistics.bytesReceived).toBe(11)
  })

  it('ends the turn once it has used half of the window, and not before', () => {
    const { script } = established()
    const { packet } = script
    const half = 32_768
    const step = 4096
    for (let sent = 0; sent < half + step; sent += step) {
      packet.endsTurn = false
      script.send(data(1 + sent, new Uint8Array(step), { coalescedFrom: 1024 }))
      expect(packet.endsTurn).toBe(sent + step >= half)
    }
    script.expectSegments({ flags: 'A', acknowledgment: 1 + half + step })
  })

  it('ends the turn when it comes as one frame of half of the window', () => {
    const { script } = established()
    const { packet } = script
    packet.endsTurn = false
    script.send(data(1, new Uint8Array(32_767), { coalescedFrom: 1024 }))
    expect(packet.endsTurn).toBe(false)
    script.expectSegments({ flags: 'A', acknowledgment: 32_768 })
    script.send(data(32_768, new Uint8Array(32_768), { coalescedFrom: 1024 }))
    expect(packet.endsTurn).toBe(true)
    script.expectSegments({ flags: 'A', acknowledgment: 65_536 })
  })

  it('that was taken is acknowledged as any other, with the whole window (SHLD-18, MUST-58)', () => {
    const { script } = established()
    script.send(data(1, new Uint8Array(43_800), { coalescedFrom: 1460 }))
    const [sent] = script.expectSegments({ flags: 'A', acknowledgment: 43_801 })
    expect(sent!.window).toBe(65_535)
    script.send(data(43_801, 'x'))
    script.expectSilence()
    expect(script.advanceUntilSent()).toBeLessThanOrEqual(40)
    script.expectSegments({ flags: 'A', acknowledgment: 43_802 })
  })

  it('may be answered at once, with the end of our stream behind it', () => {
    const { script, socket } = established()
    const answer = Buffer.from('bye')
    socket.handler = {
      offerData(_socket, _bytes, _offset, length) {
        socket.send(answer, 0, answer.length)
        socket.closeWrite()
        return length
      },
      onClose() {},
    }
    script.send(data(1, 'hello'))
    script.expectSegments({ flags: 'FPA', sequence: 1, acknowledgment: 6, length: 3 })
    script.send(fin(6, { acknowledgment: 5 }))
    script.expectSegments({ flags: 'A', sequence: 5, acknowledgment: 7 })
    expect([script.tcp.connectionCount, script.tcp.timeWaitCount]).toEqual([0, 1])
  })

  it('that comes in the batch of the ACK that ends the handshake is answered together with it', () => {
    const script = new TcpScript()
    const taker = new Taker()
    const answer = Buffer.from('bye')
    script.tcp.listen({
      port: LOCAL_PORT,
      handler: {
        onConnection(listener) {
          const socket = listener.accept()!
          socket.handler = taker
          socket.send(answer, 0, answer.length)
        },
      },
    })
    script.send(syn())
    script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
    script.send(ack(1, { sequence: 1 }), data(1, 'hello', { acknowledgment: 1 }))
    // Nothing was kept of it, and one segment says all.
    expect(taker.text).toBe('hello')
    script.expectSegments({ flags: 'PA', sequence: 1, acknowledgment: 6, length: 3 })
    expect(taker.events).toEqual([])
  })

  it('of which only a part is taken waits with its rest in the receive buffer', () => {
    const { script, socket, taker } = established()
    taker.appetite = 2
    taker.readsAtOnce = false
    script.send(data(1, 'abcdef'))
    script.drain()
    expect([taker.text, socket.receivedLength, taker.events]).toEqual(['ab', 4, ['readable']])
    // Nothing overtakes what waits.
    script.send(data(7, 'ghi'))
    script.drain()
    expect(taker.offers).toEqual([6])
    taker.readAll(socket)
    expect(taker.text).toBe('abcdefghi')
    script.send(data(10, 'jkl'))
    expect(taker.offers).toEqual([6, 3])
  })

  it('is not offered after close()', () => {
    const { script, socket, taker } = established()
    socket.close()
    script.drain()
    script.send(data(1, 'late', { acknowledgment: 2 }))
    expect(taker.offers).toEqual([])
    expect(socket.state).toBe(TcpState.Closed)
  })
})

describe('text out of order', () => {
  it('is never offered, and what follows is once the gap has filled', () => {
    const { script, taker } = established()
    script.send(data(4, 'def'))
    script.drain()
    expect(taker.offers).toEqual([])
    script.send(data(1, 'abc'))
    script.drain()
    expect([taker.text, taker.offers]).toEqual(['abcdef', []])
    script.send(data(7, 'ghi'))
    script.drain()
    expect([taker.text, taker.offers]).toEqual(['abcdefghi', [3]])
  })

  it('arrives as sent however it is cut, repeated, shuffled and taken', () => {
    const piece = fc.record({
      start: fc.nat(299),
      length: fc.integer({ min: 1, max: 60 }),
      appetite: fc.constantFrom(0, 1, 7, 100),
      readsAtOnce: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.constantFrom(-300, -1, 0x7fffff00, 0),
        (pieces, peerIsn) => {
          const { script, socket, taker } = established({ peerIsn })
          const whole = Array.from({ length: 300 }, (_, index) => (index * 7) & 0x7f)
          const text = String.fromCharCode(...whole)
          for (const { start, length, appetite, readsAtOnce } of pieces) {
            Object.assign(taker, { appetite, readsAtOnce })
            script.send(data(1 + start, text.slice(start, start + length)))
            script.drain()
          }
          taker.readAll(socket)
          taker.readsAtOnce = true
          for (let start = 0; start < 300; start += 50) {
            script.send(data(1 + start, text.slice(start, start + 50)))
            script.drain()
          }
          script.send(fin(301))
          script.drain()
          expect(taker.text).toBe(text)
          expect(taker.events.at(-1)).toBe('peer finished')
        },
      ),
      { numRuns: 200 },
    )
  })
})

it('text in several buffers is offered buffer by buffer, until one is not taken whole', () => {
  const { script, socket, taker } = established()
  taker.readsAtOnce = false
  const text = 'x'.repeat(100) + 'y'.repeat(100) + 'z'.repeat(100)
  script.fragmentLimit = 120
  taker.appetite = 90
  script.send(data(1, text, { coalescedFrom: 100 }))
  // 54 octets of the first buffer are headers.
  expect(taker.offers).toEqual([66, 120])
  expect(socket.receivedLength).toBe(300 - 66 - 90)
  taker.readAll(socket)
  expect(taker.text).toBe(text)
})
