/** Echo, discard and chargen over TCP (RFC 862, 863, 864) on a fake socket. */
import { describe, expect, it } from 'vitest'
import { ChargenService, makeLines } from '../../../../../kernel/userland/services/chargen.ts'
import { DISCARD_HANDLER } from '../../../../../kernel/userland/services/discard.ts'
import { ECHO_HANDLER } from '../../../../../kernel/userland/services/echo.ts'
import { FakeTcpSocket } from './fake-tcp-socket.ts'

describe('echo', () => {
  it('sends back what came, as room comes, and closes after the peer with nothing lost', () => {
    const socket = new FakeTcpSocket(100, 64)
    const text = Array.from({ length: 400 }, (_, index) =>
      String.fromCharCode(33 + (index % 90)),
    ).join('')
    socket.arrive(text)
    ECHO_HANDLER.onReadable!(socket.asSocket())
    expect(socket.receivedLength).toBe(400 - 64)
    socket.isPeerFinished = true
    ECHO_HANDLER.onPeerFinished!(socket.asSocket())
    let echoed = ''
    for (let round = 0; round < 10; round++) {
      echoed += socket.takeSent().toString('latin1')
      ECHO_HANDLER.onWritable!(socket.asSocket())
    }
    expect(echoed).toBe(text)
    expect(socket.ending).toBe('closed')
  })
})

describe('echo of what is offered where the device has put it', () => {
  it('sends at once what there is room for, and leaves the rest to be read later', () => {
    const socket = new FakeTcpSocket(100, 10)
    const bytes = Buffer.from('..0123456789abcd')
    expect(ECHO_HANDLER.offerData!(socket.asSocket(), bytes, 2, 14)).toBe(10)
    expect(socket.takeSent().toString('latin1')).toBe('0123456789')
    socket.arrive('abcd')
    ECHO_HANDLER.onReadable!(socket.asSocket())
    expect(socket.takeSent().toString('latin1')).toBe('abcd')
  })
})

describe('the end of the guest', () => {
  it('ends an echo that has all, not one that is at work', () => {
    const idle = new FakeTcpSocket()
    ECHO_HANDLER.onWindDown!(idle.asSocket())
    expect(idle.ending).toBe('closed')

    const busy = new FakeTcpSocket(undefined, 2)
    busy.arrive('abcd')
    ECHO_HANDLER.onReadable!(busy.asSocket())
    ECHO_HANDLER.onWindDown!(busy.asSocket())
    expect(busy.ending).toBe('open')
  })

  it('ends the sending of discard and chargen; what still comes is dropped', () => {
    for (const handler of [DISCARD_HANDLER, new ChargenService()]) {
      const socket = new FakeTcpSocket()
      handler.onWindDown!(socket.asSocket())
      expect(socket.ending).toBe('half-closed')
      socket.arrive('more')
      handler.onReadable!(socket.asSocket())
      expect(socket.receivedLength).toBe(0)
    }
  })
})

describe('discard', () => {
  it('drops what comes, answers nothing, and closes after the peer', () => {
    const socket = new FakeTcpSocket()
    socket.arrive('some words')
    DISCARD_HANDLER.onReadable!(socket.asSocket())
    expect(socket.receivedLength).toBe(0)
    socket.arrive('the last ones')
    socket.isPeerFinished = true
    DISCARD_HANDLER.onPeerFinished!(socket.asSocket())
    expect(socket.sent.length).toBe(0)
    expect(socket.ending).toBe('closed')
  })
})

describe('chargen', () => {
  it('sends the rotating lines of RFC 864 without a seam', () => {
    const service = new ChargenService()
    const socket = new FakeTcpSocket(undefined, 10_007)
    service.start(socket.asSocket())
    let text = ''
    for (let round = 0; round < 30; round++) {
      text += socket.takeSent().toString('latin1')
      service.onWritable(socket.asSocket())
    }
    const lines = text.split('\r\n').slice(0, -1)
    expect(lines.length).toBeGreaterThan(3000)
    const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')
    const ring = characters + characters
    lines.forEach((line, index) => {
      expect(line).toBe(ring.slice(index % 95, (index % 95) + 72))
    })
    expect(lines[1]).toBe(
      '!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh',
    )
  })

  it('throws away what it is sent and stops for a closed socket', () => {
    const service = new ChargenService()
    const socket = new FakeTcpSocket(undefined, 100)
    service.start(socket.asSocket())
    socket.arrive('ignored')
    service.onReadable(socket.asSocket())
    expect(socket.receivedLength).toBe(0)
    socket.takeSent()
    socket.abort()
    service.onClose(socket.asSocket())
    service.onWritable(socket.asSocket())
    expect(socket.sent.length).toBe(0)
  })

  it('makes whole periods', () => {
    expect(makeLines().length % (95 * 74)).toBe(0)
  })
})
