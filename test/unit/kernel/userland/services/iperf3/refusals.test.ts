/**
 * What the iperf3 service refuses, whom it does not wait for, and that neither stands in the next
 * client's way.
 */
import { describe, expect, it } from 'vitest'
import { COOKIE_TIMEOUT_MS } from '../../../../../../kernel/userland/services/iperf3/iperf3-server.ts'
import { LINGER_TIMEOUT_MS } from '../../../../../../kernel/userland/services/iperf3/lingering.ts'
import { Iperf3Error } from '../../../../../../kernel/userland/services/iperf3/protocol.ts'
import {
  GOODBYE_TIMEOUT_MS,
  OVERTIME_MS,
  PARAMETERS_TIMEOUT_MS,
  RESULTS_TIMEOUT_MS,
  SILENCE_TIMEOUT_MS,
  STREAMS_TIMEOUT_MS,
} from '../../../../../../kernel/userland/services/iperf3/session.ts'
import { SeededRandom } from '../../../../../support/seeded-random.ts'
import { COOKIE, clientResults, json, Lab, OTHER_COOKIE } from './fake-client.ts'
import type { FakeStreamSocket } from './fake-stream-socket.ts'

/** SERVER_ERROR, the code, errno 0. */
function refusal(code: number): number[] {
  return [0xfe, 0, 0, code >> 8, code & 0xff, 0, 0, 0, 0]
}

function expectFreeForNext(lab: Lab): void {
  const { control, said } = lab.begin({}, 1)
  expect(said).toEqual([9, 10, 1, 2])
  lab.reset(control)
  lab.clock.advance(LINGER_TIMEOUT_MS + 1_000)
  expect([lab.server.activeCount, lab.clock.timerCount()]).toEqual([0, 0])
  for (const socket of lab.sockets) expect(socket.ending).not.toBe('open')
}

describe('parameters', () => {
  it.each([
    ['UDP', { tcp: undefined, udp: true }, Iperf3Error.UnknownProtocol],
    ['SCTP', { tcp: undefined, sctp: true }, Iperf3Error.NoSctp],
    ['MPTCP', { mptcp: true }, Iperf3Error.UnknownProtocol],
    ['no protocol', { tcp: undefined }, Iperf3Error.UnknownProtocol],
    ['credentials', { authtoken: 'secret' }, Iperf3Error.Authorization],
    ['too many streams', { parallel: 129 }, Iperf3Error.StreamCount],
    ['too many both ways', { parallel: 65, bidirectional: true }, Iperf3Error.StreamCount],
    ['no stream', { parallel: 0 }, Iperf3Error.StreamCount],
    ['half a stream', { parallel: 1.5 }, Iperf3Error.StreamCount],
    ['a window over the buffer', { window: 1 << 20 }, Iperf3Error.WindowSize],
    ['a negative window', { window: -1 }, Iperf3Error.BufferSize],
    ['a block over 1 MiB', { len: (1 << 20) + 1 }, Iperf3Error.BlockSize],
    ['a segment over 32 KiB', { MSS: 40_000 }, Iperf3Error.SegmentSize],
    ['a duration over a day', { time: 86_401 }, Iperf3Error.Duration],
    ['a duration in words', { time: 'long' }, Iperf3Error.Duration],
    ['a negative omission', { omit: -1 }, Iperf3Error.Omit],
    ['a negative rate', { bandwidth: -1 }, Iperf3Error.ReceiveParameters],
  ])('refuses %s with the code of iperf3', (_, parameters, code) => {
    const lab = new Lab()
    const control = lab.negotiate(parameters)
    expect([...control.takeSent()]).toEqual([9, ...refusal(code)])
    expect(control.ending).toBe('half-closed')
    lab.finish(control)
    expect(control.ending).toBe('closed')
    expectFreeForNext(lab)
  })

  it('gives a refused client time to read why, but not for ever', () => {
    const lab = new Lab()
    const control = lab.negotiate({ udp: true })
    lab.say(control, new Uint8Array(1000))
    expect([control.receivedLength, control.ending]).toEqual([0, 'half-closed'])
    lab.clock.advance(LINGER_TIMEOUT_MS - 1_000)
    expect(control.ending).toBe('half-closed')
    lab.clock.advance(2_000)
    expect(control.ending).toBe('aborted')
    expect(lab.server.activeCount).toBe(0)
  })

  it.each([
    ['longer than 8 KiB', [0, 0, 0x20, 1]],
    ['of 4 GiB', [0xff, 0xff, 0xff, 0xff]],
    ['empty', [0, 0, 0, 0]],
    ['no JSON', [0, 0, 0, 2, 0x7b, 0x7b]],
    ['no object', [0, 0, 0, 2, 0x5b, 0x5d]],
    ['null', [0, 0, 0, 4, ...Buffer.from('null')]],
    ['no UTF-8', [0, 0, 0, 2, 0xff, 0xfe]],
  ])('refuses a document that is %s', (_, bytes) => {
    const lab = new Lab()
    const control = lab.connect(COOKIE)
    lab.say(control, bytes)
    expect([...control.takeSent()]).toEqual([9, ...refusal(Iperf3Error.ReceiveParameters)])
    expectFreeForNext(lab)
  })

  it('takes a document octet by octet', () => {
    const lab = new Lab()
    const control = lab.connect(COOKIE)
    for (const octet of json({ tcp: true })) lab.say(control, [octet])
    expect([...control.takeSent()]).toEqual([9, 10])
  })
})

describe('order', () => {
  it.each([
    ['TEST_END before the streams', [4]],
    ['a state of the server', [13]],
    ['an octet that is no state', [99]],
  ])('refuses %s', (_, bytes) => {
    const lab = new Lab()
    const control = lab.negotiate({})
    control.takeSent()
    const stream = lab.connect(COOKIE.slice(0, 5))
    lab.say(control, bytes)
    expect([...control.takeSent()]).toEqual(refusal(Iperf3Error.UnknownMessage))
    lab.say(stream, COOKIE.slice(5))
    lab.reset(stream)
    lab.clock.advance(PARAMETERS_TIMEOUT_MS + 1_000)
    expectFreeForNext(lab)
  })

  it('refuses results that are none', () => {
    for (const results of [json({}), json([1]), json({ streams: [null] }), Buffer.alloc(4, 255)]) {
      const lab = new Lab()
      const { control } = lab.begin({})
      lab.say(control, [4])
      control.takeSent()
      lab.say(control, results)
      expect([...control.takeSent()]).toEqual(refusal(Iperf3Error.ReceiveResults))
      expectFreeForNext(lab)
    }
  })
})

describe('other clients', () => {
  it('are told that the server is busy, and the test goes on', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({})
    const second = lab.connect(OTHER_COOKIE)
    expect([...second.takeSent()]).toEqual([0xff])
    expect(second.ending).toBe('half-closed')
    lab.finish(second)
    expect(second.ending).toBe('closed')
    lab.say(streams[0]!, new Uint8Array(10))
    lab.say(control, [4])
    expect([...control.takeSent()]).toEqual([13])
  })

  it('do not become streams of the test, even while it waits for some', () => {
    const lab = new Lab()
    const control = lab.negotiate({})
    control.takeSent()
    expect([...lab.connect(OTHER_COOKIE).takeSent()]).toEqual([0xff])
    expect(control.sent.length).toBe(0)
    lab.connect(COOKIE)
    expect([...control.takeSent()]).toEqual([1, 2])
    expect([...lab.connect(COOKIE).takeSent()]).toEqual([0xff])
  })

  it('that speak another protocol are cut off, and silent ones do not occupy the server', () => {
    const lab = new Lab()
    const browser = lab.connect('GET / HTTP/1.1\r\nHost: guest\r\nAccept: */*\r\n\r\n')
    expect([browser.ending, browser.sent.length]).toEqual(['aborted', 0])
    const silent = lab.connect(COOKIE.slice(0, 36))
    expectBusyFree(lab)
    lab.clock.advance(COOKIE_TIMEOUT_MS + 1_000)
    expect(silent.ending).toBe('aborted')
    const many = Array.from({ length: 200 }, () => lab.connect())
    // Nobody is ended to make room for others: the streams of one client may come faster than what
    // they have to say.
    expect(new Set(many.map(({ ending }) => ending))).toEqual(new Set(['open']))
    lab.clock.advance(COOKIE_TIMEOUT_MS + 1_000)
    expect(new Set(many.map(({ ending }) => ending))).toEqual(new Set(['aborted']))
    expectFreeForNext(lab)
  })
})

function expectBusyFree(lab: Lab): void {
  const { control, said } = lab.begin({}, 1)
  expect(said).toEqual([9, 10, 1, 2])
  lab.reset(control)
}

describe('a client that falls silent', () => {
  type Step = [string, number, (lab: Lab) => FakeStreamSocket, number[]]
  const steps: Step[] = [
    [
      'before its parameters',
      PARAMETERS_TIMEOUT_MS,
      (lab) => lab.connect(COOKIE),
      refusal(Iperf3Error.ReceiveParameters),
    ],
    [
      'within its parameters',
      PARAMETERS_TIMEOUT_MS,
      (lab) => {
        const control = lab.connect(COOKIE)
        lab.say(control, [0, 0, 1])
        return control
      },
      refusal(Iperf3Error.ReceiveParameters),
    ],
    [
      'before its streams',
      STREAMS_TIMEOUT_MS,
      (lab) => {
        const control = lab.negotiate({ parallel: 2 })
        lab.connect(COOKIE)
        return control
      },
      refusal(Iperf3Error.AcceptStream),
    ],
    [
      'while the test runs, without a duration',
      SILENCE_TIMEOUT_MS,
      (lab) => lab.begin({ time: 0 }).control,
      refusal(Iperf3Error.NoData),
    ],
    ['after the duration', 10_000 + OVERTIME_MS, (lab) => lab.begin({}).control, [11]],
    [
      'before its results',
      RESULTS_TIMEOUT_MS,
      (lab) => {
        const { control } = lab.begin({})
        lab.say(control, [4])
        return control
      },
      refusal(Iperf3Error.ReceiveResults),
    ],
    [
      'before its goodbye',
      GOODBYE_TIMEOUT_MS,
      (lab) => {
        const { control } = lab.begin({})
        lab.say(control, [4])
        lab.say(control, clientResults({ 1: 0 }))
        return control
      },
      [],
    ],
  ]

  it.each(steps)('%s is given up in time', (_, limitMs, arrange, lastWords) => {
    const lab = new Lab()
    const control = arrange(lab)
    control.takeSent()
    lab.clock.advance(limitMs - 2_000)
    expect(control.ending).toBe('open')
    lab.clock.advance(4_000)
    expect([...control.takeSent()]).toEqual(lastWords)
    expectFreeForNext(lab)
  })

  it.each(steps)('%s and then ends leaves nothing', (_, __, arrange) => {
    for (const leave of ['reset', 'finish'] as const) {
      const lab = new Lab()
      const control = arrange(lab)
      lab[leave](control)
      expect(lab.server.activeCount).toBe(0)
      expectFreeForNext(lab)
    }
  })
})

it('survives whatever octets come at any step', () => {
  const random = new SeededRandom(0x1b3f3)
  const below = (limit: number): number => Math.floor(random.nextFraction() * limit)
  for (let round = 0; round < 300; round++) {
    const lab = new Lab()
    const control = lab.negotiate(round % 2 === 0 ? {} : { reverse: true })
    if (round % 3 > 0) lab.connect(COOKIE)
    if (round % 3 > 1) lab.say(control, [4])
    for (let step = 0; step < 10; step++) {
      const bytes = Array.from({ length: below(20) }, () => below(256))
      lab.say(lab.sockets[below(lab.sockets.length)]!, bytes)
      lab.clock.advance(below(100))
    }
    lab.reset(control)
    expectFreeForNext(lab)
  }
}, 60_000)
