/**
 * The guest on a wire that is the test itself: neighbors and their moves, echo, tags, whose frames
 * it takes, checksums.
 */
import { decodeFrame } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import {
  arpAnnouncement,
  arpRequest,
  decodeUdp,
  GUEST_MAC,
  GUEST4,
  GUEST6,
  listenerQuery,
  neighborSolicitation,
  ping4,
  ping6,
  TESTER_MAC,
  tagged,
  tcp,
  udp,
  unsolicitedAdvertisement,
  withDestinationOptions,
} from './support/frames.ts'
import { LAN_APPEND } from './support/guest-addresses.ts'
import { Tester } from './support/tester.ts'

/** Long enough for an answer under TCG on a busy machine; silence costs this much. */
const ANSWER_MS = 3000
const SILENCE_MS = 300
const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18
const ECHO_PORT = 7
const CHARGEN_PORT = 19
const MSS = 1460
/** Type of a record in a report of MLDv2. */
const MODE_IS_EXCLUDE = 2

const PORT = 40_001

test.override('guest', { ...GUEST, network: 'lan', append: LAN_APPEND })

const isIcmp4 = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0800 && frame[23] === 1
const isIcmp6Of =
  (type: number) =>
  (frame: Buffer): boolean =>
    frame.readUInt16BE(12) === 0x86dd && frame[20] === 58 && frame[54] === type
const isListenerReport = (frame: Buffer): boolean =>
  frame.readUInt16BE(12) === 0x86dd && frame[20] === 0 && frame[62] === 143
const isTcpTo =
  (destinationPort: number) =>
  (frame: Buffer): boolean =>
    decodeTcp(frame)?.destinationPort === destinationPort

function decodeTcp(frame: Buffer) {
  return decodeFrame({ timeMs: 0, length: frame.length, bytes: frame }).tcp
}

describe('neighbors', () => {
  test('answers an ARP request for its address (RFC 826)', async ({ tester }) => {
    const answer = await tester.ask(
      arpRequest(),
      (frame) => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2,
    )
    expect(answer?.toString('hex', 0, 12)).toBe(TESTER_MAC + GUEST_MAC)
    expect(answer?.toString('hex', 22, 32)).toBe(GUEST_MAC + GUEST4)
  })

  test('keeps silent about another’s address', async ({ tester }) => {
    const isReply = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2
    expect(await tester.ask(arpRequest('0a000003'), isReply, SILENCE_MS)).toBeUndefined()
    expect(await tester.ask(arpRequest(), isReply)).toBeDefined()
  })

  test('answers a neighbor solicitation with a solicited advertisement (RFC 4861 §7.2.4)', async ({
    tester,
  }) => {
    const answer = await tester.ask(neighborSolicitation(), isIcmp6Of(136))
    expect(answer?.toString('hex', 62, 78)).toBe(GUEST6)
    expect(answer![58]! & 0x40).toBe(0x40)
    expect(answer?.[21]).toBe(255)
  })
})

describe('echo', () => {
  test('answers ICMP with the same data (RFC 1122 §3.2.2.6)', async ({ tester }) => {
    const answer = await tester.ask(ping4('the same data'), isIcmp4)
    expect(answer?.[34]).toBe(0)
    expect(answer?.toString('latin1', 42, 55)).toBe('the same data')
  })

  test('answers ICMPv6 with the same data (RFC 4443 §4.2)', async ({ tester }) => {
    const answer = await tester.ask(ping6('the same data'), isIcmp6Of(129))
    expect(answer?.toString('latin1', 62, 75)).toBe('the same data')
  })

  test('drops a request with a bad checksum and answers its valid twin', async ({ tester }) => {
    expect(await tester.ask(ping4('x', { spoilChecksum: 1 }), isIcmp4, SILENCE_MS)).toBeUndefined()
    expect(await tester.ask(ping4('x'), isIcmp4)).toBeDefined()
    expect(
      await tester.ask(ping6('x', { spoilChecksum: 1 }), isIcmp6Of(129), SILENCE_MS),
    ).toBeUndefined()
    expect(await tester.ask(ping6('x'), isIcmp6Of(129))).toBeDefined()
  })

  test('drops a frame that is longer than any packet, and is there for the next', async ({
    tester,
  }) => {
    for (const length of [65_594, 66_049, 69_632]) {
      for (let count = 0; count < 3; count++) {
        const long = Buffer.concat([ping4('x'), Buffer.alloc(length)]).subarray(0, length)
        expect(await tester.ask(long, isIcmp4, SILENCE_MS)).toBeUndefined()
        expect(await tester.ask(ping4('x'), isIcmp4)).toBeDefined()
      }
    }
  })

  test('drops what is addressed to another machine: QEMU passes every frame on', async ({
    tester,
  }) => {
    const destinationMac = '020000000077'
    expect(await tester.ask(ping4('x', { destinationMac }), isIcmp4, SILENCE_MS)).toBeUndefined()
    expect(
      await tester.ask(ping6('x', { destinationMac }), isIcmp6Of(129), SILENCE_MS),
    ).toBeUndefined()
    expect(await tester.ask(ping4('x'), isIcmp4)).toBeDefined()
  })
})

describe.each([4, 6] as const)('TCP over IPv%i', (family) => {
  test('does not answer a SYN with a bad checksum, and its valid twin it does', async ({
    tester,
  }) => {
    const syn = { family, sourcePort: PORT, destinationPort: ECHO_PORT, sequence: 100, flags: SYN }
    expect(
      await tester.ask(tcp({ ...syn, spoilChecksum: 0x0100 }), isTcpTo(PORT), SILENCE_MS),
    ).toBeUndefined()
    const answer = decodeTcp((await tester.ask(tcp(syn), isTcpTo(PORT)))!)
    expect(answer).toMatchObject({ syn: true, ack: true, acknowledgment: 101, checksum: 'good' })
  })

  test('does not acknowledge data with a bad checksum, and its valid twin comes back', async ({
    tester,
  }) => {
    const base = { family, sourcePort: PORT, destinationPort: ECHO_PORT }
    const answer = decodeTcp(
      (await tester.ask(tcp({ ...base, sequence: 0, flags: SYN }), isTcpTo(PORT)))!,
    )!
    const data = {
      ...base,
      sequence: 1,
      acknowledgment: answer.sequence + 1,
      flags: PSH_ACK,
      payload: 'ping',
    }
    tester.send(tcp({ ...data, flags: ACK, payload: '' }))
    const acknowledges = (frame: Buffer): boolean =>
      isTcpTo(PORT)(frame) && decodeTcp(frame)!.acknowledgment > 1
    expect(
      await tester.ask(tcp({ ...data, spoilChecksum: 0x8000 }), acknowledges, SILENCE_MS),
    ).toBeUndefined()
    const isEcho = (frame: Buffer): boolean =>
      isTcpTo(PORT)(frame) && decodeTcp(frame)!.payload.toString() === 'ping'
    expect(decodeTcp((await tester.ask(tcp(data), isEcho))!)?.checksum).toBe('good')
  })
})

describe('a connection', () => {
  /**
   * Opens one; the returned function makes the tester's next segments, whose sequence number counts
   * from 1.
   */
  async function open(tester: Tester, destinationPort: number, options = '') {
    const base = { sourcePort: PORT, destinationPort }
    const first = await tester.ask(
      tcp({ ...base, sequence: 0, flags: SYN, options }),
      isTcpTo(PORT),
    )
    const acknowledgment = decodeTcp(first!)!.sequence + 1
    tester.send(tcp({ ...base, sequence: 1, acknowledgment, flags: ACK, options }))
    const segment = (sequence: number, fields: Partial<Parameters<typeof tcp>[0]> = {}): Buffer =>
      tcp({ ...base, sequence, acknowledgment, flags: ACK, ...fields })
    return { segment, firstSequence: acknowledgment }
  }

  /** Segments to the tester until there are `count` or the time is over. */
  async function collect(tester: Tester, frames: readonly Buffer[], count: number) {
    const segments: NonNullable<ReturnType<typeof decodeTcp>>[] = []
    await tester.hear(
      frames,
      (frame) => {
        if (isTcpTo(PORT)(frame)) segments.push(decodeTcp(frame)!)
        return segments.length === count ? segments : undefined
      },
      ANSWER_MS,
    )
    return segments
  }

  test('acknowledges each segment behind a hole, and each that fills it, back to back (RFC 5681 §4.2)', async ({
    tester,
  }) => {
    const { segment } = await open(tester, 9)
    // So short that none is joined with the next: of such a frame as many are acknowledged as start
    // a fast retransmit.
    const payload = 'x'.repeat(500)
    const at = (index: number) => segment(1 + index * 500, { payload })
    const behind = Array.from({ length: 20 }, (_, index) => at(index + 1))
    const acknowledged = (await collect(tester, behind, 20)).map((found) => [
      found.acknowledgment,
      found.payloadLength,
      found.window,
    ])
    expect(acknowledged).toEqual(new Array(20).fill([1, 0, acknowledged[0]![2]]))
    const filled = decodeTcp((await tester.ask(at(0), isTcpTo(PORT)))!)
    expect(filled!.acknowledgment).toBe(1 + 21 * 500)
  })

  test('sends no flood of small segments into a window that shrank and opens by octets (RFC 9293 §3.8.6.2.1)', async ({
    tester,
  }) => {
    const { segment, firstSequence } = await open(tester, CHARGEN_PORT, '020405b4')
    await collect(tester, [], 10)
    let acknowledgment = firstSequence
    const lengths: number[] = []
    const off = tester.onFrame((frame) => {
      const sent = isTcpTo(PORT)(frame) ? decodeTcp(frame)! : undefined
      if (sent === undefined || sent.payloadLength === 0) return
      lengths.push(sent.payloadLength)
      // The tester takes one octet of what comes and offers room for the next.
      if (sent.sequence === acknowledgment >>> 0) acknowledgment++
      tester.send(segment(1, { acknowledgment, window: 1 }))
    })
    tester.send(segment(1, { acknowledgment, window: 0 }))
    tester.send(segment(1, { acknowledgment, window: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    off()
    expect(lengths.length).toBeGreaterThanOrEqual(1)
    expect(lengths.length).toBeLessThan(20)
    const whole = (frame: Buffer): boolean =>
      isTcpTo(PORT)(frame) && decodeTcp(frame)!.payloadLength === MSS
    expect(await tester.ask(segment(1, { acknowledgment }), whole)).toBeDefined()
    tester.send(segment(1, { acknowledgment, flags: 0x14 }))
  })

  test('with timestamps answers keep-alives without them, and drops data without them (RFC 7323 §3.2)', async ({
    tester,
  }) => {
    const { segment } = await open(tester, ECHO_PORT, '0101080a0000000100000000')
    const keepAlive = decodeTcp((await tester.ask(segment(0), isTcpTo(PORT)))!)
    expect(keepAlive).toMatchObject({ acknowledgment: 1, payloadLength: 0 })
    const data = { flags: PSH_ACK, payload: 'ping' }
    expect(await tester.ask(segment(1, data), isTcpTo(PORT), SILENCE_MS)).toBeUndefined()
    const options = '0101080a0000000200000000'
    const isEcho = (frame: Buffer): boolean =>
      isTcpTo(PORT)(frame) && decodeTcp(frame)!.payload.toString() === 'ping'
    expect(await tester.ask(segment(1, { ...data, options }), isEcho)).toBeDefined()
  })
})

test('an app whose SYN meets an old connection resets that and is connected at once (RFC 9293 §3.5.1)', async ({
  launchGuest,
  lan,
}) => {
  const tester = new Tester(lan)
  const initrd = await buildApp('knocks.ts')
  const seen: string[] = []
  let resetAtMs = 0
  tester.onFrame((frame) => {
    const sent = decodeTcp(frame)
    if (sent === undefined || sent.destinationPort !== ECHO_PORT) return
    const base = { sourcePort: ECHO_PORT, destinationPort: sent.sourcePort, sequence: 5000 }
    seen.push(sent.rst ? 'RST' : sent.syn ? 'SYN' : 'ACK')
    if (sent.rst) resetAtMs = performance.now()
    else if (sent.syn && resetAtMs === 0) {
      tester.send(tcp({ ...base, acknowledgment: 77_000, flags: ACK }))
    } else if (sent.syn) {
      expect(performance.now() - resetAtMs).toBeLessThan(500)
      tester.send(tcp({ ...base, acknowledgment: sent.sequence + 1, flags: SYN | ACK }))
    }
  })
  const knocking = await launchGuest({ initrd, append: { ip6: 'off' } })
  await knocking.console.expect('connected', { from: 'start' })
  // The console may be ahead of the wire.
  await expect.poll(() => seen.slice(0, 4)).toEqual(['SYN', 'RST', 'SYN', 'ACK'])
})

describe.each([
  [4, arpAnnouncement],
  [6, unsolicitedAdvertisement],
] as const)('a neighbor over IPv%i', (family, announce) => {
  const FORGED_MAC = '0a00000000ff'
  const MOVED_MAC = '0a0000000002'

  /** Where the guest sends what is for the tester. */
  async function destination(tester: Tester): Promise<string | undefined> {
    const isEcho = (frame: Buffer): boolean => decodeUdp(frame)?.destinationPort === PORT
    const datagram = udp({ family, sourcePort: PORT, destinationPort: ECHO_PORT, payload: 'x' })
    return (await tester.ask(datagram, isEcho))?.toString('hex', 0, 6)
  }

  function isQuestion(frame: Buffer): boolean {
    const isArp = frame.readUInt16BE(12) === 0x0806 && frame[21] === 1
    return (family === 4 ? isArp : isIcmp6Of(135)(frame)) && (frame[0]! & 1) === 1
  }

  test('that somebody else pretends to be gets its packets all the same', async ({ tester }) => {
    expect(await destination(tester)).toBe(TESTER_MAC)
    expect(await tester.ask(announce(FORGED_MAC), isQuestion)).toBeDefined()
    for (let round = 0; round < 20; round++) {
      expect(await destination(tester)).toBe(TESTER_MAC)
      tester.send(announce(FORGED_MAC))
    }
  })

  test('that has moved gets its packets about a second later', async ({ tester }) => {
    expect(await destination(tester)).toBe(TESTER_MAC)
    tester.home = MOVED_MAC
    const startMs = performance.now()
    tester.send(announce(MOVED_MAC))
    while ((await destination(tester)) !== MOVED_MAC) {
      expect(performance.now() - startMs).toBeLessThan(4_000)
    }
    expect(performance.now() - startMs).toBeLessThan(4_000)
    tester.home = TESTER_MAC
    tester.send(announce(TESTER_MAC))
    while ((await destination(tester)) !== TESTER_MAC) {
      expect(performance.now() - startMs).toBeLessThan(8_000)
    }
  })
})

describe('IEEE 802.1Q', () => {
  test.for([
    ['ARP', arpRequest(), (frame: Buffer) => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2],
    ['IPv4', ping4('the same data'), isIcmp4],
    ['IPv6', ping6('the same data'), isIcmp6Of(129)],
  ] as const)(
    'takes %s with a priority, and not what is of a VLAN',
    async ([_name, frame, isAnswer], { tester }) => {
      expect(await tester.ask(tagged(frame, 0, 5), isAnswer)).toBeDefined()
      expect(await tester.ask(tagged(frame, 5, 5), isAnswer, SILENCE_MS)).toBeUndefined()
      expect(await tester.ask(frame, isAnswer)).toBeDefined()
    },
  )
})

test('drops 1,406 octets of padding in a row, and answers an ordinary options header', async ({
  tester,
}) => {
  const long = withDestinationOptions(ping6('x'), Buffer.alloc(1406))
  expect(await tester.ask(long, isIcmp6Of(129), SILENCE_MS)).toBeUndefined()
  const short = withDestinationOptions(ping6('x'), Buffer.alloc(6))
  expect(await tester.ask(short, isIcmp6Of(129))).toBeDefined()
})

test('reports the groups of its addresses when it is asked (RFC 3810)', async ({ tester }) => {
  // §5.2.12: of the current state, not of a change, such as the guest's own coming.
  const isReport = (frame: Buffer): boolean =>
    isListenerReport(frame) && frame[70] === MODE_IS_EXCLUDE
  const report = await tester.ask(listenerQuery(200), isReport)
  expect(report?.toString('hex', 0, 6)).toBe('333300000016')
  const groups = [0, 1].map((index) => report!.toString('hex', 74 + index * 20, 90 + index * 20))
  expect(groups.sort()).toEqual([
    'ff0200000000000000000001ff000002',
    `ff0200000000000000000001ff${GUEST_MAC.slice(6)}`,
  ])
})
