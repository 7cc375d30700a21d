/** The decoder and the segmentation judge: right captures pass, each kind of wrong one is named. */
import { describe, expect, it } from 'vitest'
import {
  decodeFrame,
  encodePcap,
  judgeDeviceFrames,
  judgeSegments,
  onesComplementSum,
  type PcapFrame,
  parsePcap,
} from '../src/index.ts'

interface FrameRecipe {
  family?: 4 | 6
  payload?: number
  sequence?: number
  flags?: number
  /** What to put in the checksum field instead of the right sum. */
  checksum?: 'right' | 'seed' | 'zero-length-seed' | 'wrong'
  fragment?: number
  ipLength?: number
  breakHeaderChecksum?: boolean
}

const PSH_ACK = 0x18
const ACK = 0x10
const FIN_ACK = 0x11

/** A TCP frame from 10.0.0.2 (fd00::2) port 80 to 10.0.1.2 (fd01::2) port 40000. */
function frame(recipe: FrameRecipe = {}): PcapFrame {
  const payload = recipe.payload ?? 1460
  const family = recipe.family ?? 4
  const ipHeader = family === 4 ? 20 : 40
  const bytes = Buffer.alloc(14 + ipHeader + 20 + payload, 0x5a)
  const segmentLength = 20 + payload
  bytes.write('525400123456525400654321', 0, 'hex')
  let addresses: Buffer
  if (family === 4) {
    bytes.writeUInt16BE(0x0800, 12)
    bytes.write('4500000000004000400600000a0000020a000102', 14, 'hex')
    bytes.writeUInt16BE(recipe.ipLength ?? (20 + segmentLength) & 0xffff, 16)
    bytes.writeUInt16BE(recipe.fragment ?? 0x4000, 20)
    const sum = onesComplementSum(bytes, 14, 20, 0) ^ 0xffff
    bytes.writeUInt16BE(recipe.breakHeaderChecksum === true ? sum ^ 1 : sum, 24)
    addresses = bytes.subarray(26, 34)
  } else {
    bytes.writeUInt16BE(0x86dd, 12)
    bytes.write('6000000000000640', 14, 'hex')
    bytes.writeUInt16BE(recipe.ipLength ?? segmentLength, 18)
    bytes.write('fd000000000000000000000000000002fd010000000000000000000000000002', 22, 'hex')
    addresses = bytes.subarray(22, 54)
  }
  const at = 14 + ipHeader
  bytes.writeUInt16BE(80, at)
  bytes.writeUInt16BE(40000, at + 2)
  bytes.writeUInt32BE(recipe.sequence ?? 1000, at + 4)
  bytes.writeUInt32BE(1, at + 8)
  bytes.writeUInt16BE(0x5000 | (recipe.flags ?? ACK), at + 12)
  bytes.writeUInt16BE(65535, at + 14)
  bytes.writeUInt32BE(0, at + 16)
  const pseudo = onesComplementSum(Buffer.from(addresses), 0, addresses.length, 6 + segmentLength)
  const zeroLength = onesComplementSum(Buffer.from(addresses), 0, addresses.length, 6)
  const right = onesComplementSum(bytes, at, segmentLength, pseudo) ^ 0xffff
  const sums = { right, seed: pseudo, 'zero-length-seed': zeroLength, wrong: right ^ 0x0101 }
  bytes.writeUInt16BE(sums[recipe.checksum ?? 'right'], at + 16)
  return { timeMs: 0, length: bytes.length, bytes }
}

const SOURCES = { 4: '10.0.0.2', 6: 'fd00:0:0:0:0:0:0:2' } as const

function wireProblems(recipe: FrameRecipe): readonly string[] {
  const source = SOURCES[recipe.family ?? 4]
  return judgeSegments([frame(recipe)], { source, mtu: 1500 }).violations
}

function deviceProblems(recipe: FrameRecipe): readonly string[] {
  const source = SOURCES[recipe.family ?? 4]
  return judgeDeviceFrames([frame(recipe)], { source }).violations
}

describe('decodeFrame', () => {
  it('reads addresses, ports, flags and payload of both families', () => {
    for (const family of [4, 6] as const) {
      const decoded = decodeFrame(frame({ family, payload: 100, flags: PSH_ACK }))
      expect(decoded.ip?.source).toBe(SOURCES[family])
      expect(decoded.tcp).toMatchObject({
        sourcePort: 80,
        destinationPort: 40000,
        payloadLength: 100,
        psh: true,
        fin: false,
        checksum: 'good',
      })
    }
  })

  it('sums an odd last octet as if a zero followed (RFC 1071 §4.1)', () => {
    expect(decodeFrame(frame({ payload: 1 })).tcp?.checksum).toBe('good')
    expect(decodeFrame(frame({ payload: 1, checksum: 'wrong' })).tcp?.checksum).toBe('bad')
  })
})

describe('judgeSegments', () => {
  it('passes right segments and counts them', () => {
    const verdict = judgeSegments([frame(), frame({ sequence: 2460, payload: 40 })], {
      source: SOURCES[4],
      mtu: 1500,
    })
    expect(verdict.violations).toEqual([])
    expect(verdict).toMatchObject({ dataFrames: 2, payloadBytes: 1500, largestFrame: 1514 })
    expect([...verdict.payloadHistogram]).toEqual([
      [1460, 1],
      [40, 1],
    ])
  })

  it.each([
    ['a bad TCP checksum', { checksum: 'wrong' }, 'TCP checksum is bad'],
    ['a checksum nobody completed', { checksum: 'seed' }, 'TCP checksum is seed'],
    [
      'the sum that a zero-length seed leaves',
      { checksum: 'zero-length-seed' },
      'TCP checksum is bad',
    ],
    ['the same over IPv6', { family: 6, checksum: 'zero-length-seed' }, 'TCP checksum is bad'],
    ['a packet over the MTU', { payload: 1461 }, 'exceeds the MTU'],
    ['a first fragment', { fragment: 0x2000 }, 'it is a fragment'],
    ['a bad IPv4 header checksum', { breakHeaderChecksum: true }, 'header checksum is wrong'],
    ['an IP length of 0', { ipLength: 0 }, 'IP length field is 0'],
    ['an IP length that is short', { ipLength: 1000 }, 'IP length says 1000'],
  ] as [string, FrameRecipe, string][])('names %s', (_title, recipe, problem) => {
    expect(wireProblems(recipe).join('\n')).toContain(problem)
  })

  it('names PSH and FIN anywhere but at the end of the super-segment that carried them', () => {
    const deviceFrames = [frame({ payload: 4380, flags: PSH_ACK, checksum: 'seed' })]
    const judgeWire = (flags: number[]): readonly string[] =>
      judgeSegments(
        flags.map((value, index) =>
          frame({ payload: 1460, sequence: 1000 + index * 1460, flags: value }),
        ),
        { source: SOURCES[4], mtu: 1500, deviceFrames },
      ).violations
    expect(judgeWire([ACK, ACK, PSH_ACK])).toEqual([])
    expect(judgeWire([ACK, PSH_ACK, PSH_ACK]).join()).toContain('frame 2 (1514 bytes): PSH before')
    expect(judgeWire([ACK, ACK, FIN_ACK]).join()).toContain('FIN before the end')
  })
})

describe('judgeDeviceFrames', () => {
  it('passes a super-segment with the full-length seed', () => {
    expect(deviceProblems({ payload: 65000, checksum: 'seed' })).toEqual([])
    expect(deviceProblems({ family: 6, payload: 65000, checksum: 'seed' })).toEqual([])
  })

  it('names the zero-length seed, a frame over 65535 bytes and an IP length of 0', () => {
    expect(deviceProblems({ payload: 65000, checksum: 'zero-length-seed' }).join()).toContain('bad')
    expect(deviceProblems({ payload: 65500, checksum: 'seed' }).join()).toContain('exceeds 65535')
    expect(deviceProblems({ payload: 65000, checksum: 'seed', ipLength: 0 }).join()).toContain(
      'IP length field is 0',
    )
  })
})

describe('pcap files', () => {
  it('come back as they were written, super-segments whole', () => {
    const frames = [frame(), frame({ payload: 65000, checksum: 'seed' })]
    const parsed = parsePcap(encodePcap(frames))
    expect(parsed.map(({ length }) => length)).toEqual([1514, 65054])
    expect(parsed[1]!.bytes.equals(frames[1]!.bytes)).toBe(true)
  })

  it('lose only the record that a killed writer left half done', () => {
    const file = encodePcap([frame(), frame()])
    expect(parsePcap(file.subarray(0, file.length - 10))).toHaveLength(1)
    expect(() => parsePcap(Buffer.from('not a capture, by any means'))).toThrow('magic')
  })
})
