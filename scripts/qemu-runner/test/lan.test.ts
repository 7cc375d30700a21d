/** The LAN's framing and impairment, with the test as QEMU's end of the stream. */

import { createHash } from 'node:crypto'
import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { Lan, patternSha256 } from '../src/index.ts'

function guestEnd() {
  const written: Buffer[] = []
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  return { stream, written }
}

function prefixed(frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(frame.length)
  return Buffer.concat([length, frame])
}

it('finds frames however the stream cuts them', async () => {
  const { stream } = guestEnd()
  const lan = new Lan()
  lan.attach(stream)
  const heard: string[] = []
  lan.onFrame((frame) => heard.push(frame.toString()))
  const bytes = Buffer.concat([prefixed(Buffer.from('first')), prefixed(Buffer.from('second'))])
  for (const byte of bytes) stream.push(Buffer.from([byte]))
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(heard).toEqual(['first', 'second'])
})

it('sends frames with their length, big endian', () => {
  const { stream, written } = guestEnd()
  const lan = new Lan()
  lan.attach(stream)
  lan.send(Buffer.from('frame'))
  expect(Buffer.concat(written).toString('latin1')).toBe('\0\0\0\x05frame')
})

it('lets an impairment drop and duplicate, and records what crossed', () => {
  const { stream, written } = guestEnd()
  const lan = new Lan()
  lan.attach(stream)
  let count = 0
  lan.impairment = (frame) => (count++ % 2 === 0 ? [] : [frame, frame])
  lan.send(Buffer.from('a'))
  lan.send(Buffer.from('b'))
  expect(written).toHaveLength(2)
  expect(lan.frames.map(({ bytes }) => bytes.toString())).toEqual(['b', 'b'])
})

it('refuses a second guest', () => {
  const lan = new Lan()
  lan.attach(guestEnd().stream)
  expect(() => lan.attach(guestEnd().stream)).toThrow('Cannot attach the LAN')
})

it('knows the pattern of bulk transfers: octets 4k..4k+3 hold k mod 2^18, big endian', () => {
  const expected = Buffer.alloc((1 << 20) + 8)
  for (let k = 0; k < expected.length / 4; k++) expected.writeUInt32BE(k % (1 << 18), k * 4)
  expect(patternSha256(expected.length)).toBe(createHash('sha256').update(expected).digest('hex'))
})
