/** The guest on a wire that is the test itself: neighbours and their moves, echo, tags, whose frames it takes, checksums. */
import { decodeFrame, Lan, launch, type Vm } from 'qemu-runner'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildApp } from './support/build-app.ts'
import {
  arpAnnouncement,
  arpRequest,
  decodeUdp,
  GUEST_MAC,
  GUEST4,
  GUEST6,
  listenerQuery,
  neighbourAdvertisement,
  neighbourSolicitation,
  ping4,
  ping6,
  TESTER_MAC,
  tagged,
  tcp,
  udp,
  unsolicitedAdvertisement,
  withDestinationOptions,
} from './support/frames.ts'
import { awaitReady, IMAGE, requireImage } from './support/guest-site.ts'

/** Long enough for an answer under TCG on a busy machine; silence costs this much. */
const ANSWER_MS = 3000
const SILENCE_MS = 300
const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18
const ECHO_PORT = 7
const CHARGEN_PORT = 19
const MSS = 1460

const lan = new Lan()
let vm: Vm
let port = 40_000
/** Where the tester is: answers come from there. */
let home = TESTER_MAC

beforeAll(async () => {
  requireImage()
  vm = await launch({
    kernel: IMAGE,
    append: { ip: '10.0.0.2/24', ip6: 'fd00::2/64' },
    network: [{ kind: 'lan', lan }],
    timeoutMs: 100_000,
  })
  await awaitReady(vm)
  answerNeighbours(lan)
})
afterAll(() => vm.close())
beforeEach(() => {
  port++
})

/** The tester's neighbour entries: the guest learns them from requests, and asks when it must. */
function answerNeighbours(on: Lan): void {
  on.onFrame((frame) => {
    const text = frame.toString('hex')
    const asksIpv4 = text.startsWith('0806', 24) && text.startsWith('0001', 40)
    if (asksIpv4 && text.startsWith('0a000009', 76)) on.send(arpReply())
    const asksIpv6 = text.startsWith('86dd', 24) && text.startsWith('87', 108)
    if (asksIpv6 && text.slice(124, 156).endsWith('0009')) on.send(neighbourAdvertisement(home))
  })
}

function arpReply(): Buffer {
  const body = `0001080006040002${home}0a000009${GUEST_MAC}${GUEST4}`
  const frame = Buffer.from(`${GUEST_MAC}${home}0806${body}`, 'hex')
  return Buffer.concat([frame, Buffer.alloc(60 - frame.length)])
}

/** Sends and waits for the first frame that `matches`; undefined after `waitMs`. */
function ask(
  frame: Buffer,
  matches: (frame: Buffer) => boolean,
  waitMs = ANSWER_MS,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: Buffer | undefined): void => {
      clearTimeout(timer)
      off()
      resolve(answer)
    }
    const timer = setTimeout(() => settle(undefined), waitMs)
    const off = lan.onFrame((candidate) => {
      if (matches(candidate)) settle(candidate)
    })
    lan.send(frame)
  })
}

const isIcmp4 = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0800 && frame[23] === 1
const isIcmp6Of =
  (type: number) =>
  (frame: Buffer): boolean =>
    frame.readUInt16BE(12) === 0x86dd && frame[20] === 58 && frame[54] === type
const isTcpTo =
  (destinationPort: number) =>
  (frame: Buffer): boolean =>
    decodeTcp(frame)?.destinationPort === destinationPort

function decodeTcp(frame: Buffer) {
  return decodeFrame({ timeMs: 0, length: frame.length, bytes: frame }).tcp
}

describe('neighbours', () => {
  it('answers an ARP request for its address (RFC 826)', async () => {
    const answer = await ask(
      arpRequest(),
      (frame) => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2,
    )
    expect(answer?.toString('hex', 0, 12)).toBe(TESTER_MAC + GUEST_MAC)
    expect(answer?.toString('hex', 22, 32)).toBe(GUEST_MAC + GUEST4)
  })

  it('keeps silent about another’s address', async () => {
    const isReply = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2
    expect(await ask(arpRequest('0a000003'), isReply, SILENCE_MS)).toBeUndefined()
    expect(await ask(arpRequest(), isReply)).toBeDefined()
  })

  it('answers a neighbour solicitation with a solicited advertisement (RFC 4861 §7.2.4)', async () => {
    const answer = await ask(neighbourSolicitation(), isIcmp6Of(136))
    expect(answer?.toString('hex', 62, 78)).toBe(GUEST6)
    expect(answer![58]! & 0x40).toBe(0x40)
    expect(answer?.[21]).toBe(255)
  })
})

describe('echo', () => {
  it('answers ICMP with the same data (RFC 1122 §3.2.2.6)', async () => {
    const answer = await ask(ping4('the same data'), isIcmp4)
    expect(answer?.[34]).toBe(0)
    expect(answer?.toString('latin1', 42, 55)).toBe('the same data')
  })

  it('answers ICMPv6 with the same data (RFC 4443 §4.2)', async () => {
    const answer = await ask(ping6('the same data'), isIcmp6Of(129))
    expect(answer?.toString('latin1', 62, 75)).toBe('the same data')
  })

  it('drops a request with a bad checksum and answers its valid twin', async () => {
    expect(await ask(ping4('x', { spoilChecksum: 1 }), isIcmp4, SILENCE_MS)).toBeUndefined()
    expect(await ask(ping4('x'), isIcmp4)).toBeDefined()
    expect(await ask(ping6('x', { spoilChecksum: 1 }), isIcmp6Of(129), SILENCE_MS)).toBeUndefined()
    expect(await ask(ping6('x'), isIcmp6Of(129))).toBeDefined()
  })

  it('drops what is addressed to another machine: QEMU passes every frame on', async () => {
    const destinationMac = '020000000077'
    expect(await ask(ping4('x', { destinationMac }), isIcmp4, SILENCE_MS)).toBeUndefined()
    expect(await ask(ping6('x', { destinationMac }), isIcmp6Of(129), SILENCE_MS)).toBeUndefined()
    expect(await ask(ping4('x'), isIcmp4)).toBeDefined()
  })
})

describe.each([4, 6] as const)('TCP over IPv%i', (family) => {
  it('does not answer a SYN with a bad checksum, and its valid twin it does', async () => {
    const syn = { family, sourcePort: port, destinationPort: ECHO_PORT, sequence: 100, flags: SYN }
    expect(
      await ask(tcp({ ...syn, spoilChecksum: 0x0100 }), isTcpTo(port), SILENCE_MS),
    ).toBeUndefined()
    const answer = decodeTcp((await ask(tcp(syn), isTcpTo(port)))!)
    expect(answer).toMatchObject({ syn: true, ack: true, acknowledgement: 101, checksum: 'good' })
  })

  it('does not acknowledge data with a bad checksum, and its valid twin comes back', async () => {
    const base = { family, sourcePort: port, destinationPort: ECHO_PORT }
    const answer = decodeTcp(
      (await ask(tcp({ ...base, sequence: 0, flags: SYN }), isTcpTo(port)))!,
    )!
    const data = {
      ...base,
      sequence: 1,
      acknowledgement: answer.sequence + 1,
      flags: PSH_ACK,
      payload: 'ping',
    }
    lan.send(tcp({ ...data, flags: ACK, payload: '' }))
    const acknowledges = (frame: Buffer): boolean =>
      isTcpTo(port)(frame) && decodeTcp(frame)!.acknowledgement > 1
    expect(
      await ask(tcp({ ...data, spoilChecksum: 0x8000 }), acknowledges, SILENCE_MS),
    ).toBeUndefined()
    const isEcho = (frame: Buffer): boolean =>
      isTcpTo(port)(frame) && decodeTcp(frame)!.payload.toString() === 'ping'
    expect(decodeTcp((await ask(tcp(data), isEcho))!)?.checksum).toBe('good')
  })
})

describe('a connection', () => {
  /** Opens one; the returned function makes the tester's next segments, whose sequence number counts from 1. */
  async function open(destinationPort: number, options = '') {
    const base = { sourcePort: port, destinationPort }
    const first = await ask(tcp({ ...base, sequence: 0, flags: SYN, options }), isTcpTo(port))
    const acknowledgement = decodeTcp(first!)!.sequence + 1
    lan.send(tcp({ ...base, sequence: 1, acknowledgement, flags: ACK, options }))
    const segment = (sequence: number, fields: Partial<Parameters<typeof tcp>[0]> = {}): Buffer =>
      tcp({ ...base, sequence, acknowledgement, flags: ACK, ...fields })
    return { segment, firstSequence: acknowledgement }
  }

  /** Collects segments to the tester until `isDone` or the end of the time. */
  function collect(isDone: (count: number) => boolean, waitMs: number) {
    const segments: NonNullable<ReturnType<typeof decodeTcp>>[] = []
    return new Promise<typeof segments>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer)
        off()
        resolve(segments)
      }
      const timer = setTimeout(settle, waitMs)
      const off = lan.onFrame((frame) => {
        if (!isTcpTo(port)(frame)) return
        segments.push(decodeTcp(frame)!)
        if (isDone(segments.length)) settle()
      })
    })
  }

  it('acknowledges each segment behind a hole, and each that fills it, back to back (RFC 5681 §4.2)', async () => {
    const { segment } = await open(9)
    const payload = 'x'.repeat(1400)
    const at = (index: number) => segment(1 + index * 1400, { payload })
    const behind = collect((count) => count === 20, ANSWER_MS)
    for (let index = 1; index <= 20; index++) lan.send(at(index))
    const acknowledged = (await behind).map((found) => [
      found.acknowledgement,
      found.payloadLength,
      found.window,
    ])
    expect(acknowledged).toEqual(new Array(20).fill([1, 0, acknowledged[0]![2]]))
    const filled = decodeTcp((await ask(at(0), isTcpTo(port)))!)
    expect(filled!.acknowledgement).toBe(1 + 21 * 1400)
  })

  it('sends no flood of small segments into a window that shrank and opens by octets (RFC 9293 §3.8.6.2.1)', async () => {
    const { segment, firstSequence } = await open(CHARGEN_PORT, '020405b4')
    await collect((count) => count === 10, ANSWER_MS)
    let acknowledgement = firstSequence
    const lengths: number[] = []
    const off = lan.onFrame((frame) => {
      const sent = isTcpTo(port)(frame) ? decodeTcp(frame)! : undefined
      if (sent === undefined || sent.payloadLength === 0) return
      lengths.push(sent.payloadLength)
      // The tester takes one octet of what comes and offers room for the next.
      if (sent.sequence === acknowledgement >>> 0) acknowledgement++
      lan.send(segment(1, { acknowledgement, window: 1 }))
    })
    lan.send(segment(1, { acknowledgement, window: 0 }))
    lan.send(segment(1, { acknowledgement, window: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    off()
    expect(lengths.length).toBeGreaterThanOrEqual(1)
    expect(lengths.length).toBeLessThan(20)
    const whole = (frame: Buffer): boolean =>
      isTcpTo(port)(frame) && decodeTcp(frame)!.payloadLength === MSS
    expect(await ask(segment(1, { acknowledgement }), whole)).toBeDefined()
    lan.send(segment(1, { acknowledgement, flags: 0x14 }))
  })

  it('with timestamps answers keep-alives without them, and drops data without them (RFC 7323 §3.2)', async () => {
    const { segment } = await open(ECHO_PORT, '0101080a0000000100000000')
    const keepAlive = decodeTcp((await ask(segment(0), isTcpTo(port)))!)
    expect(keepAlive).toMatchObject({ acknowledgement: 1, payloadLength: 0 })
    const data = { flags: PSH_ACK, payload: 'ping' }
    expect(await ask(segment(1, data), isTcpTo(port), SILENCE_MS)).toBeUndefined()
    const options = '0101080a0000000200000000'
    const isEcho = (frame: Buffer): boolean =>
      isTcpTo(port)(frame) && decodeTcp(frame)!.payload.toString() === 'ping'
    expect(await ask(segment(1, { ...data, options }), isEcho)).toBeDefined()
  })
})

it('an app whose SYN meets an old connection resets that and is connected at once (RFC 9293 §3.5.1)', async () => {
  const wire = new Lan()
  answerNeighbours(wire)
  const initrd = await buildApp('knocks.ts')
  const seen: string[] = []
  let resetAtMs = 0
  wire.onFrame((frame) => {
    const sent = decodeTcp(frame)
    if (sent === undefined || sent.destinationPort !== ECHO_PORT) return
    const base = { sourcePort: ECHO_PORT, destinationPort: sent.sourcePort, sequence: 5000 }
    seen.push(sent.rst ? 'RST' : sent.syn ? 'SYN' : 'ACK')
    if (sent.rst) resetAtMs = performance.now()
    else if (sent.syn && resetAtMs === 0) {
      wire.send(tcp({ ...base, acknowledgement: 77_000, flags: ACK }))
    } else if (sent.syn) {
      expect(performance.now() - resetAtMs).toBeLessThan(500)
      wire.send(tcp({ ...base, acknowledgement: sent.sequence + 1, flags: SYN | ACK }))
    }
  })
  const knocking = await launch({
    kernel: IMAGE,
    initrd,
    append: { ip: '10.0.0.2/24', ip6: 'off' },
    network: [{ kind: 'lan', lan: wire }],
    timeoutMs: 30_000,
  })
  try {
    await knocking.console.expect('connected', { from: 'start' })
    expect(seen.slice(0, 4)).toEqual(['SYN', 'RST', 'SYN', 'ACK'])
  } finally {
    await knocking.close()
  }
})

describe.each([
  [4, arpAnnouncement],
  [6, unsolicitedAdvertisement],
] as const)('a neighbour over IPv%i', (family, announce) => {
  const FORGED_MAC = '0a00000000ff'
  const MOVED_MAC = '0a0000000002'

  /** Where the guest sends what is for the tester. */
  async function destination(): Promise<string | undefined> {
    const isEcho = (frame: Buffer): boolean => decodeUdp(frame)?.destinationPort === port
    const datagram = udp({ family, sourcePort: port, destinationPort: ECHO_PORT, payload: 'x' })
    return (await ask(datagram, isEcho))?.toString('hex', 0, 6)
  }

  function isQuestion(frame: Buffer): boolean {
    const isArp = frame.readUInt16BE(12) === 0x0806 && frame[21] === 1
    return (family === 4 ? isArp : isIcmp6Of(135)(frame)) && (frame[0]! & 1) === 1
  }

  it('that somebody else pretends to be gets its packets all the same', async () => {
    home = TESTER_MAC
    expect(await destination()).toBe(TESTER_MAC)
    expect(await ask(announce(FORGED_MAC), isQuestion)).toBeDefined()
    for (let round = 0; round < 20; round++) {
      expect(await destination()).toBe(TESTER_MAC)
      lan.send(announce(FORGED_MAC))
    }
  })

  it('that has moved gets its packets about a second later', async () => {
    home = TESTER_MAC
    expect(await destination()).toBe(TESTER_MAC)
    home = MOVED_MAC
    const startMs = performance.now()
    lan.send(announce(MOVED_MAC))
    while ((await destination()) !== MOVED_MAC) {
      expect(performance.now() - startMs).toBeLessThan(4_000)
    }
    expect(performance.now() - startMs).toBeLessThan(4_000)
    home = TESTER_MAC
    lan.send(announce(TESTER_MAC))
    while ((await destination()) !== TESTER_MAC) {
      expect(performance.now() - startMs).toBeLessThan(8_000)
    }
  })
})

describe('IEEE 802.1Q', () => {
  it.each([
    ['ARP', arpRequest(), (frame: Buffer) => frame.readUInt16BE(12) === 0x0806 && frame[21] === 2],
    ['IPv4', ping4('the same data'), isIcmp4],
    ['IPv6', ping6('the same data'), isIcmp6Of(129)],
  ] as const)(
    'takes %s with a priority, and not what is of a VLAN',
    async (_name, frame, isAnswer) => {
      expect(await ask(tagged(frame, 0, 5), isAnswer)).toBeDefined()
      expect(await ask(tagged(frame, 5, 5), isAnswer, SILENCE_MS)).toBeUndefined()
      expect(await ask(frame, isAnswer)).toBeDefined()
    },
  )
})

it('drops 1,406 octets of padding in a row, and answers an ordinary options header', async () => {
  const long = withDestinationOptions(ping6('x'), Buffer.alloc(1406))
  expect(await ask(long, isIcmp6Of(129), SILENCE_MS)).toBeUndefined()
  const short = withDestinationOptions(ping6('x'), Buffer.alloc(6))
  expect(await ask(short, isIcmp6Of(129))).toBeDefined()
})

it('reports the groups of its addresses when it is asked (RFC 3810)', async () => {
  const isReport = (frame: Buffer): boolean =>
    frame.readUInt16BE(12) === 0x86dd && frame[20] === 0 && frame[62] === 143
  const report = await ask(listenerQuery(200), isReport)
  expect(report?.toString('hex', 0, 6)).toBe('333300000016')
  const groups = [0, 1].map((index) => report!.toString('hex', 74 + index * 20, 90 + index * 20))
  expect(groups.sort()).toEqual([
    'ff0200000000000000000001ff000002',
    `ff0200000000000000000001ff${GUEST_MAC.slice(6)}`,
  ])
})
