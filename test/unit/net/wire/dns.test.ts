/**
 * The DNS codec: what is sent, what is understood, and hostile messages beside their valid twins
 * (RFC 1035, RFC 9267).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AddressType,
  DnsType,
  EDNS_PAYLOAD_BYTES,
  emitQuery,
  MAX_RECORDS,
  parseResponse,
} from '../../../../net/wire/dns.ts'
import { emitName, isHostName, readName, skipName } from '../../../../net/wire/dns-name.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import {
  A,
  AAAA,
  a,
  aaaa,
  CNAME,
  cname,
  encodeName,
  opt,
  RESPONSE,
  readQuery,
  record,
  response,
  soa,
  TRUNCATED,
  TXT,
  u16,
  u32,
} from '../../../support/dns-messages.ts'

const NAME = 'www.example.com'
const QUESTION = { name: NAME, type: A }
const HEADER = new Array<number>(12).fill(0)

/** A response to the question whose one answer has these octets. */
function answered(...answer: number[]): Uint8Array {
  const head = response({ id: 7, questions: [QUESTION] })
  head.set(u16(1), 6)
  return Uint8Array.from([...head, ...answer])
}

/** Where the name of the first answer begins. */
const ANSWER_OFFSET = 12 + NAME.length + 2 + 4
const pointer = (offset: number) => u16(0xc000 | offset)
const fixed = (type: number, dataLength: number) => [
  ...u16(type),
  0,
  1,
  ...u32(60),
  ...u16(dataLength),
]

const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/)
const hostName = fc
  .array(label, { minLength: 1, maxLength: 8 })
  .map((labels) => labels.join('.'))
  .filter(isHostName)

describe('a query', () => {
  it('is one question of class IN with recursion desired, and EDNS says that 1232 octets fit (RFC 6891)', () => {
    const query = readQuery(emitQuery(0xabcd, { name: NAME, type: DnsType.Aaaa }, true, true))
    const { id, flags, name, type, ednsPayload } = query
    expect({ id, flags, name, type, ednsPayload }).toEqual({
      ...{ id: 0xabcd, flags: 0x0100, name: NAME, type: AAAA },
      ednsPayload: EDNS_PAYLOAD_BYTES,
    })
  })

  it('is as RFC 1035 has it, without EDNS', () => {
    expect([...emitQuery(1, { name: 'a.b', type: DnsType.A }, false, false)]).toEqual([
      ...[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ...[1, 0x61, 1, 0x62, 0, 0, 1, 0, 1],
    ])
  })

  it('of any name can be read by others', () => {
    const types = fc.constantFrom<AddressType>(DnsType.A, DnsType.Aaaa)
    fc.assert(
      fc.property(hostName, types, fc.nat(0xffff), fc.boolean(), (name, type, id, edns) => {
        const query = readQuery(emitQuery(id, { name, type }, true, edns))
        expect([query.id, query.name, query.type, query.ednsPayload > 0]).toEqual([
          id,
          name,
          type,
          edns,
        ])
      }),
    )
  })
})

describe('host names', () => {
  it.each([
    ...['a', 'example.com', 'xn--bcher-kva.example', '_dns.example', 'a-b.c1', '1.2.3.4a'],
    ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61)].join('.'),
  ])('%s is one', (name) => {
    expect(isHostName(name)).toBe(true)
    const target = new Uint8Array(300)
    const end = emitName(target, 0, name)
    expect([...target.subarray(0, end)]).toEqual(encodeName(name))
  })

  it.each([
    ...['', '.', 'a.', '.a', 'a..b', 'a b', 'ä.de', 'A.de', '1.2.3.4', '10', 'fe80::1', 'a\\046b'],
    'a'.repeat(64),
    ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(62)].join('.'),
  ])('"%s" is none (RFC 1035 §2.3.4, RFC 1123 §2.1)', (name) => {
    expect(isHostName(name)).toBe(false)
  })

  it('come back as they were written', () => {
    fc.assert(
      fc.property(hostName, (name) => {
        const message = Uint8Array.from([...HEADER, ...encodeName(name), 99])
        expect(readName(message, 12)).toBe(name)
        expect(skipName(message, 12)).toBe(message.length - 1)
      }),
    )
  })

  it('are read in lower case, with octets that no host name has escaped', () => {
    const labels = [5, ...Buffer.from('a.B\0\xff', 'latin1'), 1, 0x43, 0]
    const message = Uint8Array.from([...HEADER, ...labels])
    expect(readName(message, 12)).toBe('a\\046b\\000\\255.c')
  })
})

describe('a response', () => {
  it('gives its addresses, aliases and start of authority, and leaves other types out', () => {
    const parsed = parseResponse(
      response({
        ...{ id: 7, questions: [QUESTION] },
        answers: [
          cname(NAME, 'cdn.example.net', 60),
          { name: NAME, type: TXT, data: [1, 0x61] },
          { name: NAME, type: A, class: 3, data: [1] },
          a('cdn.example.net', '192.0.2.1', 30),
          aaaa('cdn.example.net', '2001:db8::7', 40),
        ],
        authorities: [soa('example.net', 900, 1800)],
        additionals: [opt()],
      }),
    )!
    expect(parsed).toMatchObject({
      id: 7,
      isTruncated: false,
      canRecurse: true,
      status: 0,
      question: QUESTION,
    })
    expect(
      parsed.records.map(({ section, name, type, ttlSeconds, address, alias, minimumSeconds }) => [
        ...[section, name, type, ttlSeconds, address && formatIpAddress(address), alias],
        minimumSeconds,
      ]),
    ).toEqual([
      ['answer', NAME, CNAME, 60, null, 'cdn.example.net', 0],
      ['answer', 'cdn.example.net', A, 30, '192.0.2.1', null, 0],
      ['answer', 'cdn.example.net', AAAA, 40, '2001:db8::7', null, 0],
      ['authority', 'example.net', 6, 1800, null, null, 900],
    ])
  })

  it('has the upper bits of its status in EDNS (RFC 6891 §6.1.3)', () => {
    const fields = { id: 7, questions: [QUESTION], additionals: [opt(1)] }
    expect(parseResponse(response(fields))!.status).toBe(16)
  })

  it('that is truncated has no records, however it was cut', () => {
    const whole = response({
      id: 7,
      flags: RESPONSE | TRUNCATED,
      questions: [QUESTION],
      answers: [a(NAME, '192.0.2.1')],
    })
    const parsed = parseResponse(whole.subarray(0, whole.length - 3))!
    expect([parsed.isTruncated, parsed.records]).toEqual([true, []])
  })

  it('with a TTL of 2^31 and more means 0 (RFC 2181 §8)', () => {
    const ttls = [0x7fffffff, 0x80000000, 0xffffffff].map(
      (ttl) =>
        parseResponse(response({ id: 7, answers: [a(NAME, '192.0.2.1', ttl)] }))!.records[0]!
          .ttlSeconds,
    )
    expect(ttls).toEqual([0x7fffffff, 0, 0])
  })

  it('may point back to names within names', () => {
    // "example.com" stands at 16 within the question's name.
    const answer = [...pointer(12), ...fixed(CNAME, 6), 3, 0x66, 0x74, 0x70, ...pointer(16)]
    const { records } = parseResponse(answered(...answer))!
    expect([records[0]!.name, records[0]!.alias]).toEqual([NAME, 'ftp.example.com'])
  })

  it('is read up to a bound of records, all of which are right', () => {
    const many = Array.from({ length: 1000 }, (_, index) =>
      a(NAME, `10.0.${index >> 8}.${index & 255}`),
    )
    expect(
      parseResponse(response({ id: 7, questions: [QUESTION], answers: many }))!.records,
    ).toHaveLength(MAX_RECORDS)
  })
})

describe('hostile messages are none, and nothing is read beyond them', () => {
  const valid = [...pointer(12), ...fixed(A, 4), 192, 0, 2, 1]
  it('the valid twin is understood', () => {
    expect(parseResponse(answered(...valid))!.records[0]!.name).toBe(NAME)
  })

  it.each<[string, number[]]>([
    ['109 a pointer to itself', [...pointer(ANSWER_OFFSET), ...fixed(A, 4), 1, 2, 3, 4]],
    ['109 a pointer ahead', [...pointer(ANSWER_OFFSET + 12), ...fixed(A, 4), 1, 0, 3, 4]],
    ['109 a pointer past the end', [...pointer(0x3fff), ...fixed(A, 4), 1, 2, 3, 4]],
    ['109 a pointer into the header', [...pointer(4), ...fixed(A, 4), 1, 2, 3, 4]],
    [
      '109 a label, then a pointer to it',
      [1, 0x61, ...pointer(ANSWER_OFFSET), ...fixed(A, 4), 1, 2, 3, 4],
    ],
    ['109 a pointer of one octet', [0xc0]],
    ['110 a label of type 01', [0x40, ...fixed(A, 4), 1, 2, 3, 4]],
    ['110 a label of type 10', [0x80, ...fixed(A, 4), 1, 2, 3, 4]],
    ['110 a name without an end', [63, 0x61, 0x61]],
    [
      '110 a name of 256 octets',
      [
        ...encodeName([63, 63, 63, 62].map((n) => 'a'.repeat(n)).join('.')),
        ...fixed(A, 4),
        1,
        2,
        3,
        4,
      ],
    ],
    ['112 RDLENGTH 3 of A', [...pointer(12), ...fixed(A, 3), 1, 2, 3]],
    ['112 RDLENGTH 5 of A', [...pointer(12), ...fixed(A, 5), 1, 2, 3, 4, 5]],
    ['112 RDLENGTH 4 of AAAA', [...pointer(12), ...fixed(AAAA, 4), 1, 2, 3, 4]],
    ['112 RDLENGTH 65535', [...pointer(12), ...fixed(A, 0xffff), 1, 2, 3, 4]],
    ['112 RDLENGTH 65535 of an unknown type', [...pointer(12), ...fixed(99, 0xffff), 1, 2, 3, 4]],
    ['CNAME data longer than its name', [...pointer(12), ...fixed(CNAME, 3), ...pointer(12), 0]],
    ['CNAME data shorter than its name', [...pointer(12), ...fixed(CNAME, 1), ...pointer(12)]],
    ['SOA data without its numbers', [...pointer(12), ...fixed(6, 2), 0, 0]],
    ['fixed fields cut', [...pointer(12), ...fixed(A, 4).slice(0, 9)]],
    ['no record where the count says one', []],
  ])('%s', (_what, answer) => {
    expect(parseResponse(answered(...answer))).toBeNull()
  })

  it('109 pointers in turn, each to the one before, are followed a few times only', () => {
    const chain = (length: number) => {
      const start = ANSWER_OFFSET + 12
      const hops = Array.from({ length }, (_, index) =>
        pointer(index === 0 ? 12 : start + 2 * (index - 1)),
      )
      const unknown = [...pointer(12), ...fixed(99, 2 * length), ...hops.flat()]
      const last = [...pointer(start + 2 * (length - 1)), ...fixed(A, 4), 1, 2, 3, 4]
      const message = answered(...unknown, ...last)
      message.set(u16(2), 6)
      return parseResponse(message)
    }
    expect(chain(30)!.records[0]!.name).toBe(NAME)
    expect(chain(600)).toBeNull()
  })

  it('111 counts of 65535 end where the message does', () => {
    for (const offset of [4, 6, 8, 10]) {
      const message = answered(...valid)
      message.set(u16(0xffff), offset)
      expect(parseResponse(message)).toBeNull()
    }
  })

  it('115 queries and other operations are no responses', () => {
    for (const flags of [0x0100, 0x8980, 0xa180]) {
      expect(parseResponse(response({ id: 7, flags, questions: [QUESTION] }))).toBeNull()
    }
    expect(parseResponse(response({ id: 7, questions: [QUESTION] }))).not.toBeNull()
  })

  it('whatever octets come, there is a value or null, and truncation anywhere gives null', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const message = Uint8Array.from([0, 7, 0x81, 0x80, ...bytes])
        const parsed = parseResponse(message)
        expect(parsed === null || parsed.records.length <= MAX_RECORDS).toBe(true)
      }),
      { numRuns: 5_000 },
    )
    const whole = response({
      ...{ id: 7, questions: [QUESTION], authorities: [soa('example.com', 60)] },
      answers: [cname(NAME, 'b.example.com'), a('b.example.com', '192.0.2.1')],
    })
    for (let length = 0; length < whole.length; length++) {
      expect(parseResponse(whole.subarray(0, length))).toBeNull()
    }
    expect(parseResponse(whole)!.records).toHaveLength(3)
  })

  it('with bits flipped give a value or null', () => {
    const whole = response({
      ...{
        id: 7,
        questions: [QUESTION],
        authorities: [soa('example.com', 60)],
        additionals: [opt()],
      },
      answers: [
        cname(NAME, 'b.example.com'),
        a('b.example.com', '192.0.2.1'),
        aaaa(NAME, '2001:db8::1'),
      ],
    })
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length * 8 - 1), { maxLength: 8 }), (bits) => {
        const message = whole.slice()
        for (const bit of bits) message[bit >> 3]! ^= 1 << (bit & 7)
        for (const { type, address } of parseResponse(message)?.records ?? []) {
          if (type === A || type === AAAA) expect(address!.version).toBe(type === A ? 4 : 6)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('records of anything come back as they were written', () => {
    const octet = fc.nat(255)
    fc.assert(
      fc.property(
        hostName,
        fc.nat(0x7fffffff),
        fc.tuple(octet, octet, octet, octet),
        (name, ttl, data) => {
          const head = response({ id: 7 })
          head.set(u16(1), 6)
          const message = Uint8Array.from([...head, ...record({ name, type: A, ttl, data })])
          const [only] = parseResponse(message)!.records
          expect([only!.name, only!.ttlSeconds, formatIpAddress(only!.address!)]).toEqual([
            name,
            ttl,
            data.join('.'),
          ])
        },
      ),
    )
  })
})
