/**
 * The LAN with the test as QEMU's end of each cable: framing, the learning switch, its record as
 * pcap and pcapng.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Lan, type LanOptions, parsePcap } from '../src/index.ts'

const A = '525400000001'
const B = '525400000002'
const C = '525400000003'
const BROADCAST = 'ffffffffffff'
const MULTICAST = '333300000001'

function ethernet(destination: string, source: string, text: string): Buffer {
  return Buffer.concat([Buffer.from(`${destination}${source}88b5`, 'hex'), Buffer.from(text)])
}

function prefixed(frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(frame.length)
  return Buffer.concat([length, frame])
}

/** A guest's end of its cable: what it got, as text after the Ethernet header. */
class Guest {
  readonly got: string[] = []
  readonly written: Buffer[] = []
  readonly stream: Duplex

  constructor(lan: Lan) {
    this.stream = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, done) => {
        this.written.push(chunk)
        this.got.push(chunk.toString('latin1', 4 + 14))
        done()
      },
    })
    lan.attach(this.stream)
  }

  async say(destination: string, source: string, text: string): Promise<void> {
    this.stream.push(prefixed(ethernet(destination, source, text)))
    await arrival()
  }
}

/** What was pushed into a stream has been read. */
function arrival(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

function lanOf(count: number, options?: LanOptions) {
  const lan = new Lan(options)
  const guests = Array.from({ length: count }, () => new Guest(lan))
  return { lan, guests }
}

describe('a cable', () => {
  it('finds frames however the stream cuts them', async () => {
    const { lan, guests } = lanOf(1)
    const heard: string[] = []
    lan.onFrame((frame) => heard.push(frame.toString()))
    const bytes = Buffer.concat([prefixed(Buffer.from('first')), prefixed(Buffer.from('second'))])
    for (const byte of bytes) guests[0]!.stream.push(Buffer.from([byte]))
    await vi.waitFor(() => expect(heard).toEqual(['first', 'second']))
  })

  it('sends frames with their length, big endian', () => {
    const { lan, guests } = lanOf(1)
    lan.send(Buffer.from('frame'))
    expect(Buffer.concat(guests[0]!.written).toString('latin1')).toBe('\0\0\0\x05frame')
  })

  it('is given up when its stream claims a frame longer than QEMU can send', async () => {
    const { lan, guests } = lanOf(1)
    guests[0]!.stream.push(Buffer.from('ffffffff00', 'hex'))
    await vi.waitFor(() => expect(lan.guestCount).toBe(0))
    expect(guests[0]!.stream.destroyed).toBe(true)
  })
})

describe('a LAN', () => {
  it('needs a guest before it can send', () => {
    expect(() => new Lan().send(Buffer.from('x'))).toThrow(
      'Cannot send a frame: the LAN has no guest',
    )
  })

  it('counts frames for a guest that has gone instead of failing in somebody’s timer', async () => {
    const { lan, guests } = lanOf(1)
    guests[0]!.stream.destroy()
    await vi.waitFor(() => expect(lan.guestCount).toBe(0))
    lan.send(ethernet(A, C, 'late'))
    expect(lan.undeliverable).toBe(1)
    expect(lan.frames).toEqual([])
  })

  it('floods what nobody is known for, and sends the rest only where it belongs', async () => {
    const { lan, guests } = lanOf(3)
    const [a, b, c] = guests as [Guest, Guest, Guest]
    await a.say(B, A, 'where is b?')
    expect([a.got, b.got, c.got]).toEqual([[], ['where is b?'], ['where is b?']])
    await b.say(A, B, 'here')
    await a.say(B, A, 'fine')
    expect(a.got).toEqual(['here'])
    expect(b.got).toEqual(['where is b?', 'fine'])
    expect(c.got).toEqual(['where is b?'])
    lan.send(ethernet(A, C, 'from the test'))
    expect(a.got.at(-1)).toBe('from the test')
    expect(b.got).toHaveLength(2)
  })

  it.each([
    ['broadcast', BROADCAST],
    ['multicast', MULTICAST],
  ])('sends a %s to everybody but its sender, always', async (_name, group) => {
    const { guests } = lanOf(3)
    const [a, b, c] = guests as [Guest, Guest, Guest]
    await b.say(A, group, 'a group address as the source teaches nothing')
    await a.say(group, A, 'all')
    expect([a.got.at(-1), b.got.at(-1), c.got.at(-1)]).toEqual([
      'a group address as the source teaches nothing',
      'all',
      'all',
    ])
  })

  it('follows an address that moves, and forgets those of a guest that leaves', async () => {
    const { lan, guests } = lanOf(3)
    const [a, b, c] = guests as [Guest, Guest, Guest]
    await a.say(BROADCAST, A, 'hello')
    await b.say(BROADCAST, A, 'hello')
    lan.send(ethernet(A, C, 'for b'))
    expect(b.got.at(-1)).toBe('for b')
    expect(a.got.at(-1)).not.toBe('for b')
    b.stream.destroy()
    await vi.waitFor(() => expect(lan.guestCount).toBe(2))
    lan.send(ethernet(A, C, 'for anybody'))
    expect([a.got.at(-1), c.got.at(-1)]).toEqual(['for anybody', 'for anybody'])
  })

  it('lets the test hear every guest, and say who spoke', async () => {
    const { lan, guests } = lanOf(2)
    const heard: string[] = []
    const off = lan.onFrame((frame, port) => heard.push(`${port} ${frame.toString('latin1', 14)}`))
    await guests[1]!.say(A, B, 'one')
    await guests[0]!.say(B, A, 'two')
    off()
    await guests[0]!.say(B, A, 'three')
    expect(heard).toEqual(['1 one', '0 two'])
  })

  it('keeps the latest frames, not all of them', async () => {
    const { lan } = lanOf(1, { maxFrames: 100 })
    for (let count = 0; count < 1000; count++) lan.send(ethernet(A, C, String(count)))
    expect(lan.frames.length).toBeGreaterThanOrEqual(100)
    expect(lan.frames.length).toBeLessThanOrEqual(110)
    expect(lan.frames.at(-1)!.bytes.toString('latin1', 14)).toBe('999')
  })

  it('is silent once closed', async () => {
    const { lan, guests } = lanOf(1)
    lan.close()
    expect(guests[0]!.stream.destroyed).toBe(true)
    expect(lan.guestCount).toBe(0)
    lan.close()
  })
})

describe('the record', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is a pcap file', async () => {
    const { lan } = lanOf(1)
    lan.send(ethernet(A, C, 'x'.repeat(50)))
    await lan.writePcap(join(folder, 'lan.pcap'))
    const [frame] = parsePcap(readFileSync(join(folder, 'lan.pcap')))
    expect(frame!.bytes.toString('latin1', 14)).toBe('x'.repeat(50))
    expect(Math.abs(frame!.timeMs - Date.now())).toBeLessThan(60_000)
  })
})
