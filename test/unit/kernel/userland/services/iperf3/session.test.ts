/**
 * iperf3 tests from the first octet to the last, as the real client drives them, over fake sockets.
 */
import { describe, expect, it } from 'vitest'
import { COOKIE, clientResults, Lab, readServerResults } from './fake-client.ts'

const TEST_END = [4]
const IPERF_DONE = [16]

describe('a test in which the client sends', () => {
  it('goes through all states, reports every byte, and leaves nothing', () => {
    const lab = new Lab()
    const { control, streams, said } = lab.begin({ parallel: 2 }, 2)
    expect(said).toEqual([9, 10, 1, 2])
    lab.say(streams[0]!, new Uint8Array(5000))
    lab.say(streams[1]!, new Uint8Array(7000))
    expect(streams.map((stream) => stream.receivedLength)).toEqual([0, 0])
    lab.clock.advance(10_000)
    lab.say(control, TEST_END)
    expect([...control.takeSent()]).toEqual([13])
    lab.say(control, clientResults({ 1: 5000, 3: 7000 }))
    const { results, rest } = readServerResults(control.takeSent())
    expect(rest).toEqual([14])
    expect(results).toMatchObject({
      cpu_util_total: 75,
      cpu_util_system: 75,
      sender_has_retransmits: -1,
      streams: [
        { id: 1, bytes: 5000, retransmits: -1, start_time: 0, end_time: 10 },
        { id: 3, bytes: 7000, retransmits: -1, start_time: 0, end_time: 10 },
      ],
    })
    lab.say(control, IPERF_DONE)
    expect(lab.sockets.map((socket) => socket.ending)).toEqual(['closed', 'closed', 'closed'])
    lab.clock.advance(1_000)
    expect([lab.server.activeCount, lab.clock.timerCount()]).toEqual([0, 0])
  })

  it('waits for bytes on their way before it counts, and counts the time until the last', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({})
    lab.say(streams[0]!, new Uint8Array(1000))
    lab.clock.advance(2_000)
    lab.say(control, TEST_END)
    lab.say(control, clientResults({ 1: 3000 }))
    control.takeSent()
    lab.clock.advance(100)
    expect(control.takeSent().length).toBe(0)
    lab.say(streams[0]!, new Uint8Array(2000))
    lab.clock.advance(10)
    const [stream] = readServerResults(control.takeSent()).results.streams
    expect(stream.bytes).toBe(3000)
    expect(stream.end_time).toBeGreaterThan(2.099)
    expect(stream.end_time).toBeLessThan(2.12)
  })

  it('reports what did come when the rest stays away', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({})
    lab.say(streams[0]!, new Uint8Array(1000))
    lab.clock.advance(2_000)
    lab.say(control, TEST_END)
    lab.say(control, clientResults({ 1: 1e15 }))
    control.takeSent()
    lab.clock.advance(2_000)
    const [stream] = readServerResults(control.takeSent()).results.streams
    expect(stream).toMatchObject({ bytes: 1000, end_time: 2 })
  })

  it('does not count what was omitted', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({ omit: 2, time: 3 })
    lab.say(streams[0]!, new Uint8Array(4000))
    lab.clock.advance(2_000)
    lab.say(streams[0]!, new Uint8Array(500))
    lab.clock.advance(3_000)
    lab.say(control, TEST_END)
    control.takeSent()
    lab.say(control, clientResults({ 1: 500 }))
    const [stream] = readServerResults(control.takeSent()).results.streams
    expect(stream).toMatchObject({ bytes: 500, end_time: 3 })
  })

  it('numbers streams by when they connected, not by whose cookie came first', () => {
    const lab = new Lab()
    const control = lab.negotiate({ parallel: 2 })
    const slow = lab.connect(COOKIE.slice(0, 20))
    const fast = lab.connect(COOKIE)
    lab.say(slow, COOKIE.slice(20))
    lab.say(slow, new Uint8Array(11))
    lab.say(fast, new Uint8Array(22))
    lab.say(control, TEST_END)
    control.takeSent()
    lab.say(control, clientResults({ 1: 11, 3: 22 }))
    const { results } = readServerResults(control.takeSent())
    expect(results.streams).toMatchObject([
      { id: 1, bytes: 11 },
      { id: 3, bytes: 22 },
    ])
  })
})

describe('a test in which the server sends', () => {
  it('lends the same memory again and again, and ends with a FIN', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({ reverse: true }, 1, 100_000)
    const stream = streams[0]!
    let sent = 0
    for (let round = 0; round < 11; round++) {
      expect(stream.isWriteBlocked).toBe(true)
      const bytes = stream.takeSent()
      // 64 octets repeat, also where the memory ends.
      for (let index = 0; index < bytes.length; index += 777) {
        expect(bytes[index]).toBe(0x30 + ((sent + index) % 64))
      }
      sent += bytes.length
      stream.handler!.onWritable!(stream.asSocket())
    }
    expect(sent).toBe(1_100_000)
    stream.statistics.retransmissions = 3
    lab.clock.advance(1_000)
    lab.say(control, TEST_END)
    expect(stream.ending).toBe('half-closed')
    control.takeSent()
    lab.say(control, clientResults({ 1: 1 }))
    expect(readServerResults(control.takeSent()).results).toMatchObject({
      sender_has_retransmits: 1,
      congestion_used: 'reno',
      streams: [{ id: 1, bytes: 1_200_000, retransmits: 3 }],
    })
    lab.say(control, IPERF_DONE)
    // The client has gone and 100,000 bytes are queued: a reset frees them.
    expect([stream.ending, control.ending]).toEqual(['aborted', 'closed'])
  })

  it('keeps to the rate it was given', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({ reverse: true, bandwidth: 8_000_000 }, 1)
    for (let step = 0; step < 200; step++) {
      streams[0]!.takeSent()
      lab.clock.advance(10)
    }
    const sent = streams[0]!.statistics.bytesSent
    expect(sent).toBeGreaterThan(1_990_000)
    expect(sent).toBeLessThan(2_020_000)
    lab.reset(control)
    lab.clock.advance(1_000)
    expect(lab.clock.timerCount()).toBe(0)
  })

  it('does both directions at once: the first half of the streams comes from the client', () => {
    const lab = new Lab()
    const { control, streams } = lab.begin({ parallel: 2, bidirectional: true }, 4)
    expect(streams.map((stream) => stream.sent.length > 0)).toEqual([false, false, true, true])
    lab.say(control, TEST_END)
    control.takeSent()
    lab.say(control, clientResults({ 1: 0, 3: 0, 4: 0, 5: 0 }))
    const { results } = readServerResults(control.takeSent())
    expect(results.streams.map(({ id }: { id: number }) => id)).toEqual([1, 3, 4, 5])
    expect(results.streams.map(({ retransmits }: { retransmits: number }) => retransmits)).toEqual([
      -1, -1, 0, 0,
    ])
  })
})
