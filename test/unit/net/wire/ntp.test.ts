/**
 * NTP's packets: a question that says nothing, and answers that are right, hostile or of another
 * server.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNtpRequest, NTP_LENGTH, readNtpReply } from '../../../../net/wire/ntp.ts'

const NONCE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
/** 2026-01-01T00:00:00Z. */
const NTP_SECONDS = 3_976_214_400
const DATE_US = Date.UTC(2026, 0, 1) * 1000

interface Fields {
  first: number
  stratum: number
  rootDelay: number
  rootDispersion: number
  id: string
  originate: Uint8Array
  receive: readonly [number, number]
  transmit: readonly [number, number]
}

function answer(fields: Partial<Fields> = {}): Uint8Array {
  const all: Fields = {
    ...{ first: 0x24, stratum: 2, rootDelay: 0x0800, rootDispersion: 0x0400, id: 'abcd' },
    originate: NONCE,
    receive: [NTP_SECONDS, 0x80000000],
    transmit: [NTP_SECONDS, 0x80100000],
    ...fields,
  }
  const bytes = new Uint8Array(NTP_LENGTH)
  const view = new DataView(bytes.buffer)
  bytes[0] = all.first
  bytes[1] = all.stratum
  view.setUint32(4, all.rootDelay)
  view.setUint32(8, all.rootDispersion)
  bytes.set(new TextEncoder().encode(all.id), 12)
  bytes.set(all.originate, 24)
  view.setUint32(32, all.receive[0])
  view.setUint32(36, all.receive[1])
  view.setUint32(40, all.transmit[0])
  view.setUint32(44, all.transmit[1])
  return bytes
}

it('asks as a client of version 4 and says nothing of itself but a nonce', () => {
  const bytes = createNtpRequest(NONCE)
  expect(bytes).toHaveLength(48)
  expect(bytes[0]).toBe(0b00_100_011)
  expect([...bytes.subarray(1, 40)].every((byte) => byte === 0)).toBe(true)
  expect(bytes.subarray(40)).toEqual(NONCE)
})

it('reads dates, stratum and the distance from true time (RFC 5905 §7.3)', () => {
  expect(readNtpReply(answer(), NONCE)).toEqual({
    stratum: 2,
    rootDistanceUs: 15_625 + 15_625,
    receiveUs: DATE_US + 500_000,
    transmitUs: DATE_US + 500_244,
  })
})

it('goes on in 2036, when the seconds begin anew (RFC 4330 §3)', () => {
  const read = readNtpReply(answer({ receive: [0, 1], transmit: [10, 0] }), NONCE)
  expect(read).toMatchObject({ transmitUs: Date.UTC(2036, 1, 7, 6, 28, 26) * 1000 })
})

describe('refuses', () => {
  it.each([
    ['fewer than 48 bytes', answer().subarray(0, 47), 'tooShort'],
    ['another nonce', answer({ originate: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9) }), 'notOurs'],
    ['no nonce', answer({ originate: new Uint8Array(8) }), 'notOurs'],
    ['a client', answer({ first: 0x23 }), 'notAServer'],
    ['a broadcast', answer({ first: 0x25 }), 'notAServer'],
    ['a version of its own', answer({ first: 0x2c }), 'version'],
    ['a server that knows no time', answer({ first: 0xe4 }), 'unsynchronized'],
    ['a stratum that means unsynchronized', answer({ stratum: 16 }), 'stratum'],
    ['a root delay beyond all bounds', answer({ rootDelay: 0x0003_8000 }), 'rootDistance'],
    ['a negative root delay', answer({ rootDelay: 0xffff_0000 }), 'rootDistance'],
    [
      'a root dispersion beyond all bounds',
      answer({ rootDispersion: 0x0002_0000 }),
      'rootDistance',
    ],
    ['no date', answer({ transmit: [0, 0] }), 'noTime'],
    ['no date of the question', answer({ receive: [0, 0] }), 'noTime'],
    ['an answer before the question', answer({ transmit: [NTP_SECONDS - 1, 0] }), 'noTime'],
  ])('%s', (_, bytes, reason) => {
    expect(readNtpReply(bytes, NONCE)).toBe(reason)
  })
})

it("reads a kiss-o'-death, and only with the nonce (RFC 5905 §7.4)", () => {
  const kiss = { first: 0xe4, stratum: 0, id: 'RATE' }
  expect(readNtpReply(answer(kiss), NONCE)).toEqual({ kiss: 'RATE' })
  expect(readNtpReply(answer({ ...kiss, id: '\u0001\u007f~!' }), NONCE)).toEqual({ kiss: '..~!' })
  expect(readNtpReply(answer({ ...kiss, originate: new Uint8Array(8) }), NONCE)).toBe('notOurs')
})

it('takes any bytes without an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const withNonce = bytes.slice()
      if (withNonce.length >= 32) withNonce.set(NONCE, 24)
      const read = readNtpReply(withNonce, NONCE)
      if (typeof read === 'string' || 'kiss' in read) return
      expect(read.stratum).toBeGreaterThan(0)
      expect(read.rootDistanceUs).toBeLessThanOrEqual(1_500_000)
      expect(read.transmitUs).toBeGreaterThanOrEqual(read.receiveUs)
    }),
  )
})
