/**
 * RFC 6455 §5 to §7 at both ends, case by case: framing, masking, fragments, control frames, text,
 * the closing handshake, and what is done with peers that break them.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RESPONSE_TIMEOUT_MS } from '../../../../../../kernel/userland/http/time-limits.ts'
import {
  CLOSE_TIMEOUT_MS,
  PING_AFTER_MS,
  PONG_WITHIN_MS,
} from '../../../../../../kernel/userland/web/websocket/link.ts'
import { MESSAGE_LIMIT_BYTES } from '../../../../../../kernel/userland/web/websocket/message-buffer.ts'
import { SEND_QUEUE_LIMIT_BYTES } from '../../../../../../kernel/userland/web/websocket/send-queue.ts'
import { linkTo, type Peer } from './fake-wire.ts'
import { closing, frame } from './test-frames.ts'

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const UNMASKED = { key: null } as const

/** What a server does with bytes that break the protocol. */
function refused(bytes: Uint8Array, partBytes?: number): { code: number; heard: unknown[] } {
  const peer = linkTo('server')
  peer.arrive(bytes, partBytes)
  expect(peer.wire.ending).toBe('finished')
  const [close] = peer.frames().filter(({ opcode }) => opcode === CLOSE)
  const last = peer.heard.at(-1) as { code: number; failure: string | null }
  // §7.1.5: no Close frame was received.
  expect(last.code).toBe(1006)
  expect(last.failure).toEqual(expect.any(String))
  return { code: close!.payload.readUInt16BE(0), heard: peer.heard.slice(0, -1) }
}

describe('a message', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])(
    'of %i bytes arrives and leaves',
    (length) => {
      const content = Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz0')
      const peer = linkTo('server')
      peer.arrive(frame(BINARY, content), 1461)
      peer.arrive(frame(TEXT, content), 7000)
      const [bytes, text] = peer.heard as [Buffer, string]
      expect([peer.heard.length, content.equals(bytes), text === content.toString()]).toEqual([
        2,
        true,
        true,
      ])
      peer.link.sendBinary(content)
      peer.link.sendText(content.toString())
      const sent = peer.frames().map(({ opcode, payload }) => [opcode, payload.equals(content)])
      expect(sent).toEqual([
        [BINARY, true],
        [TEXT, true],
      ])
    },
  )

  it('§5.7: "Hello" is read as the examples have it', () => {
    const server = linkTo('server')
    server.arrive(Buffer.from('818537fa213d7f9f4d5158', 'hex'))
    expect(server.heard).toEqual(['Hello'])
    const client = linkTo('client')
    client.arrive(Buffer.from('810548656c6c6f', 'hex'))
    client.arrive(Buffer.from('010348656c80026c6f', 'hex'))
    expect(client.heard).toEqual(['Hello', 'Hello'])
    client.arrive(Buffer.from('890548656c6c6f', 'hex'))
    expect(client.frames()).toMatchObject([{ opcode: PONG, payload: Buffer.from('Hello') }])
  })

  it('§5.3: of a client has a fresh key each', () => {
    const client = linkTo('client')
    for (let count = 0; count < 20; count++) client.link.sendText('x')
    const keys = client.frames().map(({ key }) => String(key))
    expect(new Set(keys).size).toBeGreaterThan(15)
  })

  it('is the same however it is cut, with control frames between its fragments', () => {
    const part = fc.uint8Array({ maxLength: 300 })
    const message = fc.record({
      parts: fc.array(part, { minLength: 1, maxLength: 5 }),
      ping: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.integer({ min: 1, max: 400 }),
        (messages, partBytes) => {
          const peer = linkTo('server')
          const bytes = messages.flatMap(({ parts, ping }) =>
            parts.flatMap((content, index) => {
              const opcode = index === 0 ? BINARY : CONTINUATION
              const final = index === parts.length - 1
              return [frame(opcode, content, { final }), ...(ping ? [frame(PING, `${index}`)] : [])]
            }),
          )
          peer.arrive(Buffer.concat(bytes), partBytes)
          expect(peer.heard).toEqual(messages.map(({ parts }) => Buffer.concat(parts)))
          const pings = messages.flatMap(({ parts, ping }) =>
            ping ? parts.map((_, i) => `${i}`) : [],
          )
          expect(peer.frames().map(({ payload }) => String(payload))).toEqual(pings)
        },
      ),
    )
  })

  it('is told of alone, so that what it does by promises is done before the next', () => {
    const peer = linkTo('server')
    const both = Buffer.concat([frame(TEXT, 'one'), frame(TEXT, 'two')])
    expect(peer.link.receive(both, 0, both.length)).toBe(both.length / 2)
    expect([peer.heard, peer.link.mustPause]).toEqual([['one'], true])
  })

  it('burst of tiny control frames leaves others their turn', () => {
    const peer = linkTo('server')
    const pongs = Buffer.concat(Array.from({ length: 1000 }, () => frame(PONG)))
    expect(peer.link.receive(pongs, 0, pongs.length)).toBe(pongs.length * 0.064)
  })
})

describe('§5.2: a connection fails with 1002', () => {
  it.each([1, 2, 4, 7])('when reserved bits %i are set', (reserved) => {
    expect(refused(frame(TEXT, 'x', { reserved }))).toEqual({ code: 1002, heard: [] })
  })

  it.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('at opcode %i', (opcode) => {
    expect(refused(frame(opcode, 'x'))).toEqual({ code: 1002, heard: [] })
  })

  it('§5.1: when a client does not mask, or a server does', () => {
    expect(refused(frame(TEXT, 'x', UNMASKED)).code).toBe(1002)
    const client = linkTo('client')
    client.arrive(frame(TEXT, 'x'))
    expect(client.frames()[0]!.payload.readUInt16BE(0)).toBe(1002)
  })

  it.each([
    ['16 bits', { lengthBytes: 2 }],
    ['64 bits', { lengthBytes: 8 }],
  ] as const)('when a length of %s would fit in fewer', (_what, options) => {
    expect(refused(frame(BINARY, 'x'.repeat(125), options)).code).toBe(1002)
  })

  it('when 64 bits hold what 16 would, or have their highest bit set', () => {
    expect(refused(frame(BINARY, 'x'.repeat(65_535), { lengthBytes: 8 })).code).toBe(1002)
    const claimedLength = (1n << 63n) + 1n
    expect(refused(frame(BINARY, '', { lengthBytes: 8, claimedLength })).code).toBe(1002)
  })

  it.each([CLOSE, PING, PONG])(
    '§5.5: when control frame %i is fragmented or too long',
    (opcode) => {
      expect(refused(frame(opcode, '', { final: false })).code).toBe(1002)
      expect(refused(frame(opcode, 'x'.repeat(126))).code).toBe(1002)
      const peer = linkTo('server')
      peer.arrive(frame(PING, 'x'.repeat(125)))
      expect(peer.frames()[0]!.payload.length).toBe(125)
    },
  )

  it('§5.4: when a fragment continues nothing, or a message begins within another', () => {
    expect(refused(frame(CONTINUATION, 'x')).code).toBe(1002)
    const within = [frame(TEXT, 'a', { final: false }), frame(TEXT, 'b')]
    expect(refused(Buffer.concat(within)).code).toBe(1002)
    const done = [frame(TEXT, 'a'), frame(CONTINUATION, 'b')]
    expect(refused(Buffer.concat(done))).toEqual({ code: 1002, heard: ['a'] })
  })

  it('once: what follows is not looked at', () => {
    const bytes = Buffer.concat([frame(3), frame(TEXT, 'after'), frame(3)])
    expect(refused(bytes, 1)).toEqual({ code: 1002, heard: [] })
  })
})

describe('§7.1.7: a connection that fails while data waits for the peer', () => {
  /** A message has begun to go, another one waits, and there is no room. */
  function stuck(): Peer {
    const peer = linkTo('server')
    peer.wire.room = 3
    peer.link.sendText('begun')
    peer.link.sendText('waits')
    peer.arrive(frame(3, 'x'))
    return peer
  }

  it('sends its Close frame behind what has begun, once the peer reads', () => {
    const peer = stuck()
    expect([peer.wire.ending, peer.heard]).toEqual(['open', ['closing']])
    // Nothing more is looked at, and the peer's end does not mean that it has stopped reading.
    peer.arrive(Buffer.concat([frame(TEXT, 'after'), frame(PING), frame(3), frame(CLOSE)]))
    peer.link.endOfBytes()
    peer.wire.room = 2
    peer.link.flush()
    expect(peer.wire.ending).toBe('open')
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    const [begun, close, ...rest] = peer.frames()
    expect([String(begun!.payload), close!.opcode, close!.payload.readUInt16BE(0), rest]).toEqual([
      ...['begun', CLOSE, 1002, []],
    ])
    expect(peer.wire.ending).toBe('finished')
    expect(peer.heard).toEqual(['closing', { code: 1006, reason: '', failure: expect.any(String) }])
  })

  it('sends its Close frame in pieces, where there is room for no more', () => {
    const peer = linkTo('server')
    peer.wire.room = 1
    peer.arrive(frame(3, 'x'))
    expect(peer.wire.ending).toBe('open')
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    expect(peer.frames()).toMatchObject([{ opcode: CLOSE }])
    expect(peer.wire.ending).toBe('finished')
  })

  it('waits for a peer that does not read until the deadline, and no longer for one that reads slowly', () => {
    const peer = stuck()
    expect(peer.wire.deadlineMs).toBe(CLOSE_TIMEOUT_MS)
    peer.wire.takenCount++
    peer.expire()
    expect(peer.wire.ending).toBe('aborted')
    expect(peer.heard.at(-1)).toMatchObject({ code: 1006, failure: expect.stringContaining('3') })
  })

  it('lets a Close frame that waits go as it is', () => {
    const peer = linkTo('server')
    peer.wire.room = 3
    peer.link.sendText('begun')
    peer.link.close(4000, new Uint8Array(0))
    peer.arrive(frame(3, 'x'))
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    expect(peer.frames().map(({ payload }) => payload)).toEqual([
      Buffer.from('begun'),
      closing(4000),
    ])
    expect(peer.wire.ending).toBe('finished')
  })
})

describe('§8.1: text', () => {
  const BROKEN = ['c328', 'c080', 'eda080', 'f4908080', 'ff', 'e282', 'f09f98']

  it.each(BROKEN)('%s is refused with 1007, in one frame and in fragments', (hex) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(refused(frame(TEXT, bytes)).code).toBe(1007)
    const last = { final: true }
    const fragments = [...bytes].map((byte, index) =>
      frame(index === 0 ? TEXT : CONTINUATION, Buffer.from([byte]), { final: false }),
    )
    expect(refused(Buffer.concat([...fragments, frame(CONTINUATION, '', last)])).code).toBe(1007)
  })

  it('may have a character cut between fragments, and U+FFFD and a byte order mark in it', () => {
    const text = '\ufeffgrüße 😀 \ufffd'
    const peer = linkTo('server')
    const bytes = [...Buffer.from(text)]
    const fragments = bytes.map((byte, index) =>
      frame(index === 0 ? TEXT : CONTINUATION, Buffer.from([byte]), {
        final: index === bytes.length - 1,
      }),
    )
    peer.arrive(Buffer.concat(fragments), 3)
    expect(peer.heard).toEqual([text])
  })
})

describe('§5.5: pings', () => {
  it('§5.5.3: are answered with what they hold, the latest where an answer has to wait', () => {
    const peer = linkTo('server')
    peer.wire.room = 3
    peer.link.sendText('first')
    for (const name of ['a', 'b', 'c']) peer.arrive(frame(PING, name))
    peer.link.sendText('second')
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    expect(peer.frames().map(({ payload }) => String(payload))).toEqual(['first', 'c', 'second'])
  })

  it('go to a peer that has been silent, and end one that does not answer', () => {
    const peer = linkTo('server')
    peer.wire.timeMs = 10_000
    peer.arrive(frame(PONG))
    peer.expire()
    expect(peer.frames()).toEqual([])
    expect(peer.wire.deadlineMs - 10_000).toBeLessThanOrEqual(PING_AFTER_MS)
    peer.expire()
    expect(peer.frames()).toMatchObject([{ opcode: PING }])
    const askedMs = peer.wire.timeMs
    peer.arrive(frame(PONG))
    peer.expire()
    expect(peer.wire.timeMs - askedMs).toBe(PONG_WITHIN_MS + 1)
    // It has answered at once: that is long ago by now.
    expect(peer.frames()).toMatchObject([{ opcode: PING }])
    expect(peer.wire.ending).toBe('open')
    peer.expire()
    expect(peer.wire.ending).toBe('aborted')
    expect(peer.heard).toEqual([{ code: 1006, reason: '', failure: 'the peer has gone silent' }])
  })
})

describe('§7: the closing handshake', () => {
  it.each([1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])('echoes code %i', (code) => {
    const peer = linkTo('server')
    peer.arrive(frame(CLOSE, closing(code, 'grüße')))
    expect(peer.frames()).toMatchObject([{ opcode: CLOSE, payload: closing(code, 'grüße') }])
    expect(peer.heard.at(-1)).toEqual({ code, reason: 'grüße', failure: null })
    expect([peer.wire.ending, peer.wire.deadlineMs]).toEqual(['finished', Number.POSITIVE_INFINITY])
  })

  it('§7.1.5: is 1005 without a code, which is answered without one', () => {
    const peer = linkTo('server')
    peer.arrive(frame(CLOSE))
    expect(peer.frames()).toMatchObject([{ opcode: CLOSE, payload: Buffer.alloc(0) }])
    expect(peer.heard.at(-1)).toEqual({ code: 1005, reason: '', failure: null })
  })

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535])(
    '§7.4: code %i may not stand there: 1002',
    (code) => expect(refused(frame(CLOSE, closing(code))).code).toBe(1002),
  )

  it('with half a code is 1002, with a reason that is not UTF-8 is 1007', () => {
    expect(refused(frame(CLOSE, Buffer.from([3]))).code).toBe(1002)
    expect(refused(frame(CLOSE, closing(1000, Buffer.from('c328', 'hex')))).code).toBe(1007)
  })

  it('begun here lets the peer finish what it says, and ends with its Close', () => {
    const peer = linkTo('server')
    peer.link.close(4000, Buffer.from('done'))
    peer.link.sendText('too late')
    expect(peer.frames()).toMatchObject([{ opcode: CLOSE, payload: closing(4000, 'done') }])
    peer.arrive(Buffer.concat([frame(TEXT, 'unheard'), frame(PING), frame(CLOSE, closing(4000))]))
    expect(peer.frames()).toEqual([])
    expect(peer.heard).toEqual(['closing', { code: 4000, reason: '', failure: null }])
    expect(peer.wire.ending).toBe('finished')
  })

  it('§7.1.1: is followed by the end of TCP, which the server begins and the client waits for', () => {
    const client = linkTo('client')
    client.arrive(frame(CLOSE, closing(1000), UNMASKED))
    expect(client.frames()).toMatchObject([{ opcode: CLOSE }])
    expect([client.wire.ending, client.heard]).toEqual(['open', ['closing']])
    client.link.endOfBytes()
    expect([client.wire.ending, client.heard.length]).toEqual(['finished', 2])
    const patient = linkTo('client')
    patient.arrive(frame(CLOSE, closing(1000), UNMASKED))
    patient.expire()
    expect([patient.wire.timeMs, patient.wire.ending]).toEqual([CLOSE_TIMEOUT_MS + 1, 'finished'])
    expect(patient.heard.at(-1)).toEqual({ code: 1000, reason: '', failure: null })
  })

  it('waits for a peer no longer than it takes what is sent', () => {
    const peer = linkTo('server')
    peer.wire.room = 10
    peer.link.sendText('x'.repeat(1000))
    peer.link.close(1000, new Uint8Array(0))
    peer.wire.takenCount++
    peer.expire()
    expect(peer.wire.ending).toBe('open')
    // Bytes of a peer that only talks are no answer.
    peer.arrive(frame(PONG))
    peer.expire()
    expect(peer.wire.ending).toBe('aborted')
    expect(peer.heard.at(-1)).toMatchObject({ code: 1006 })
  })

  it('that does not come is 1006', () => {
    const peer = linkTo('server')
    peer.arrive(frame(TEXT, 'half a', { final: false }))
    peer.link.endOfBytes()
    const failure = 'the connection ended without a closing handshake'
    expect(peer.heard).toEqual([{ code: 1006, reason: '', failure }])
  })
})

describe('what a peer makes this side keep', () => {
  it('a message beyond its limit is refused with 1009 before it comes, whole and in fragments', () => {
    const claimedLength = BigInt(MESSAGE_LIMIT_BYTES + 1)
    expect(refused(frame(BINARY, '', { lengthBytes: 8, claimedLength })).code).toBe(1009)
    const first = frame(BINARY, Buffer.alloc(MESSAGE_LIMIT_BYTES - 1), { final: false })
    const peer = linkTo('server')
    peer.arrive(first)
    expect(peer.wire.ending).toBe('open')
    peer.arrive(frame(CONTINUATION, 'xx'))
    expect(peer.frames()[0]!.payload.readUInt16BE(0)).toBe(1009)
  })

  it('is memory for bytes that came, not for those announced', () => {
    const peers: Peer[] = []
    const before = process.memoryUsage().arrayBuffers
    for (let count = 0; count < 50; count++) {
      const peer = linkTo('server')
      const claimedLength = BigInt(MESSAGE_LIMIT_BYTES)
      peer.arrive(frame(BINARY, 'x', { lengthBytes: 8, claimedLength }))
      peers.push(peer)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MESSAGE_LIMIT_BYTES)
    expect(peers.every(({ wire }) => wire.ending === 'open')).toBe(true)
  })

  it('a peer that takes nothing of what waits for it is given up, one that takes some is not', () => {
    const peer = linkTo('server')
    peer.wire.room = 0
    peer.link.sendText('x')
    expect([peer.link.queue.payloadBytes, peer.wire.deadlineMs]).toEqual([1, RESPONSE_TIMEOUT_MS])
    peer.wire.takenCount++
    peer.expire()
    expect(peer.wire.ending).toBe('open')
    peer.expire()
    expect(peer.wire.ending).toBe('aborted')
  })

  it('§5.5.3: of pings that it takes no answers to, only the last is kept', () => {
    const peer = linkTo('server')
    peer.wire.room = 0
    for (const content of ['a', 'b', 'c']) peer.arrive(frame(PING, content))
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    expect(peer.frames()).toMatchObject([{ opcode: PONG, payload: Buffer.from('c') }])
    // One that has begun goes on as a whole, and before what was sent after it.
    peer.wire.room = 1
    for (const content of ['d', 'e']) peer.arrive(frame(PING, content))
    peer.link.sendText('x')
    peer.wire.room = Number.POSITIVE_INFINITY
    peer.link.flush()
    expect(peer.frames().map(({ payload }) => String(payload))).toEqual(['d', 'e', 'x'])
    expect(peer.link.queue.isEmpty).toBe(true)
  })

  it('a connection that has to end does so even when there is no memory to say why', () => {
    const peer = linkTo('server')
    peer.wire.debug = () => {
      throw new Error('out of memory')
    }
    expect(() => peer.link.drop('some reason')).toThrow('out of memory')
    expect(peer.wire.ending).toBe('aborted')
  })

  it('what waits is counted, small messages by what they take, and has a limit', async () => {
    const peer = linkTo('server')
    peer.wire.room = 0
    const piece = new Uint8Array(1 << 20)
    for (let count = 0; count < 15; count++) peer.link.sendBinary(piece)
    expect([peer.link.queue.payloadBytes, peer.wire.ending]).toEqual([15 << 20, 'open'])
    for (let count = 0; count < SEND_QUEUE_LIMIT_BYTES / 16 / 128; count++) peer.link.sendText('')
    expect([peer.wire.ending, peer.wire.lines.length]).toEqual(['aborted', 1])
    // Nobody is called back within a call of the app; the socket may not seem open to it, though.
    expect(peer.heard).toEqual(['closing'])
    peer.link.endOfBytes()
    await new Promise((resolve) => setTimeout(resolve, 5))
    const failure = expect.stringContaining('too much')
    expect(peer.heard).toMatchObject(['closing', { code: 1006, failure }])
  })
})
