/** The guest on a wire that is the test itself: neighbours, echo, whose frames it takes, and checksums it must verify. */
import { decodeFrame, Lan, launch, type Vm } from 'qemu-runner'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  arpRequest,
  GUEST_MAC,
  GUEST4,
  GUEST6,
  neighbourAdvertisement,
  neighbourSolicitation,
  ping4,
  ping6,
  TESTER_MAC,
  tcp,
} from './support/frames.ts'
import { awaitReady, IMAGE, requireImage } from './support/guest-site.ts'

/** Long enough for an answer under TCG on a busy machine; silence costs this much. */
const ANSWER_MS = 3000
const SILENCE_MS = 300
const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18
const ECHO_PORT = 7

const lan = new Lan()
let vm: Vm
let port = 40_000

beforeAll(async () => {
  requireImage()
  vm = await launch({
    kernel: IMAGE,
    append: { ip: '10.0.0.2/24', ip6: 'fd00::2/64' },
    network: [{ kind: 'lan', lan }],
    timeoutMs: 100_000,
  })
  await awaitReady(vm)
  // The tester's neighbour entries: the guest learns them from requests, and asks when it must.
  lan.onFrame((frame) => {
    const text = frame.toString('hex')
    const asksIpv4 = text.startsWith('0806', 24) && text.startsWith('0001', 40)
    if (asksIpv4 && text.startsWith('0a000009', 76)) lan.send(arpReply())
    const asksIpv6 = text.startsWith('86dd', 24) && text.startsWith('87', 108)
    if (asksIpv6 && text.slice(124, 156).endsWith('0009')) lan.send(neighbourAdvertisement())
  })
})
afterAll(() => vm.close())
beforeEach(() => {
  port++
})

function arpReply(): Buffer {
  const body = `0001080006040002${TESTER_MAC}0a000009${GUEST_MAC}${GUEST4}`
  const frame = Buffer.from(`${GUEST_MAC}${TESTER_MAC}0806${body}`, 'hex')
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
