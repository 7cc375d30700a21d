/**
 * Loss recovery with selective acknowledgments, from either side (RFC 2018, 2883, 6675, 6937,
 * 8985).
 */
import { describe, expect, it } from 'vitest'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
import { MAX_RUNS } from '../../../../../net/socket/tcp/recovery/scoreboard.ts'
import { goBack, openRecovery } from '../../../../../net/socket/tcp/recovery/sent-runs.ts'
import {
  ack,
  data,
  type ScriptSegment,
  type SentSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const MSS = 1460

const sack = (...blocks: [number, number][]): Partial<ScriptSegment> => ({ sack: blocks })

function established(configuration: Partial<TcpConfiguration> = {}) {
  const script = new TcpScript({ superSegmentLimit: 65_000, configuration })
  script.peerWindow = 512
  return { script, ...script.establish({ windowScale: 7, sackPermitted: true }) }
}

/** So many segments in flight at a round trip of 20 ms, those of before acknowledged one by one. */
function inFlight(segments: number, configuration: Partial<TcpConfiguration> = {}) {
  const made = established({ pacing: false, ...configuration })
  const { script, socket } = made
  // One round trip is known.
  socket.send(new Uint8Array(MSS), 0, MSS)
  script.drain()
  script.nowMs += 20
  script.send(ack(1 + MSS))
  script.drain()
  // The handshake took no time here.
  for (let sample = 0; sample < 60; sample++) socket.rtt.sample(20)
  socket.rtt.minimumMs = 20
  socket.congestion.windowBytes = segments * MSS
  socket.send(new Uint8Array(2 * segments * MSS), 0, 2 * segments * MSS)
  const sent = script.drain()
  expect(sent.reduce((sum, { length }) => sum + length, 0)).toBe(segments * MSS)
  script.nowMs += 20
  return made
}

/** Ten segments in flight, and nothing else to send. */
function allInFlight() {
  const made = inFlight(5)
  made.socket.congestion.windowBytes = 10 * MSS
  made.socket.setNoDelay(true)
  made.script.drain()
  return made
}

/** Number of the segment `index` of those in flight. */
const at = (index: number) => 1 + (1 + index) * MSS

/** What was sent again, as indices of segments. */
function repeated(sent: SentSegment[], segments: number): number[] {
  const indices: number[] = []
  for (const { sequence, length } of sent) {
    for (let offset = 0; offset < length; offset += MSS) {
      const index = (sequence + offset - at(0)) / MSS
      if (index < segments) indices.push(index)
    }
  }
  return indices
}

it('takes no ACK for that of an MTU probe once all goes again in smaller segments (RFC 4821 §7)', () => {
  const { script, socket } = inFlight(10)
  const recovery = openRecovery(socket, socket.sendNext)
  const [mtuProbeStart, mtuProbeEnd] = [at(2), at(4)].map((number) => script.localIsn + number)
  Object.assign(recovery, { hasMtuProbe: true, mtuProbeStart, mtuProbeEnd })
  const [flow] = script.flows
  script.tcp.processError(
    {
      ...{ kind: 'mtu', ipVersion: 4, protocol: 6, mtu: 1000 },
      ...{ isBelowFloor: false, isProven: false, interfaceIndex: 0 },
      ...{
        source: script.local,
        destination: script.peer,
        sequenceNumber: socket.sendUnacknowledged,
      },
      ...{ sourcePort: script.localPort, destinationPort: script.peerPort },
    },
    script.nowMs,
  )
  expect(script.drain()[0]).toMatchObject({ sequence: at(0) })
  flow!.searchMtu = 1400
  for (let flight = 0; flight < 4; flight++) {
    script.nowMs += 20
    script.send(ack(socket.sendNext - script.localIsn))
    script.drain()
  }
  expect(script.mtuProbes).toEqual([])
})

describe('an MTU probe in flight', () => {
  const probing = () => {
    const made = inFlight(10)
    const { script, socket } = made
    const recovery = openRecovery(socket, socket.sendNext)
    const [mtuProbeStart, mtuProbeEnd] = [at(2), at(3)].map((number) => script.localIsn + number)
    Object.assign(recovery, { hasMtuProbe: true, probedMtu: 1400, mtuProbeStart, mtuProbeEnd })
    script.flows[0]!.searchMtu = 1400
    return { ...made, recovery, windowBefore: socket.congestion.windowBytes }
  }

  it('is lost when it is missing by itself, which costs no window (RFC 4821 §7.6.2)', () => {
    const { script, socket, recovery, windowBefore } = probing()
    script.send(ack(at(2), sack([at(3), at(10)])))
    expect(repeated(script.drain(), 10)).toEqual([2])
    expect(script.mtuProbes).toEqual([[1400, false]])
    expect(recovery.hasMtuProbe).toBe(false)
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(windowBefore)
    expect(socket.statistics.fastRetransmits).toBe(0)
  })

  it.each([
    ['behind it', at(2), [at(3), at(5)], [at(6), at(10)], [2, 5]],
    ['before it', at(1), [at(3), at(10)], [at(3), at(10)], [1, 2]],
  ] as const)(
    'has told nothing when a segment %s is lost as well (RFC 4821 §7.6.4: "the same-sized probe SHOULD be attempted again")',
    (_where, acknowledged, first, second, missing) => {
      const { script, socket, recovery } = probing()
      script.send(ack(acknowledged, sack([...first], [...second])))
      const again = script.drain()
      for (let flight = 0; flight < 2; flight++) {
        script.nowMs += 20
        script.send(ack(acknowledged, sack([...first], [...second])))
        again.push(...script.drain())
      }
      expect([...new Set(repeated(again, 10))]).toEqual(missing)
      expect(recovery.hasMtuProbe).toBe(false)
      expect(script.mtuProbes).toEqual([])
      expect(socket.statistics.mtuProbesLost).toBe(1)
      expect(socket.statistics.fastRetransmits).toBe(1)
    },
  )
})

describe('the receiver', () => {
  const segment = (index: number) => data(1 + index * 1000, new Uint8Array(1000))
  const blocks = (sent: SentSegment[]) => sent.map(({ sack }) => sack)

  it('permits SACK in its SYN-ACK when the SYN does, and only then (RFC 2018 §2)', () => {
    for (const sackPermitted of [true, false]) {
      const script = new TcpScript()
      script.listen()
      script.send(syn({ sackPermitted }))
      script.expectSegments({ flags: 'SA', sackPermitted })
    }
  })

  it('offers SACK in its own SYN, unless configured not to', () => {
    for (const selectiveAcks of [true, false]) {
      const script = new TcpScript({ configuration: { selectiveAcks } })
      script.connect()
      script.expectSegments({ flags: 'S', sackPermitted: selectiveAcks })
    }
  })

  it('reports the range of the last segment first, then the others, the most recent first (RFC 2018 §4)', () => {
    const { script } = established()
    script.send(segment(1), segment(3), segment(5), segment(7), segment(9))
    expect(blocks(script.drain())).toEqual([
      [[1001, 2001]],
      [
        [3001, 4001],
        [1001, 2001],
      ],
      [
        [5001, 6001],
        [3001, 4001],
        [1001, 2001],
      ],
      [
        [7001, 8001],
        [5001, 6001],
        [3001, 4001],
        [1001, 2001],
      ],
      [
        [9001, 10001],
        [7001, 8001],
        [5001, 6001],
        [3001, 4001],
      ],
    ])
    script.send(segment(2))
    expect(blocks(script.drain())).toEqual([
      [
        [1001, 4001],
        [9001, 10001],
        [7001, 8001],
        [5001, 6001],
      ],
    ])
  })

  it('reports three blocks beside timestamps: forty octets hold no more (RFC 2018 §3)', () => {
    const script = new TcpScript()
    script.establish({ sackPermitted: true, timestamp: [100, 0] })
    for (let index = 1; index < 12; index += 2) {
      script.send(data(1 + index * 1000, new Uint8Array(1000), { timestamp: [101, 0] }))
    }
    expect(script.drain().at(-1)!.sack).toEqual([
      [11001, 12001],
      [9001, 10001],
      [7001, 8001],
    ])
  })

  it('reports with text too, where that leaves room (RFC 2018 §3: "all ACKs"), and not when nothing is missing', () => {
    const { script, socket } = established()
    script.send(segment(1))
    script.drain()
    const say = (length: number) => {
      socket.send(new Uint8Array(length), 0, length)
      const sent = script.drain()
      script.send(ack(socket.sendMax - script.localIsn, { sequence: 1 }))
      return sent.map((it) => [it.length, it.sack])
    }
    const report = [[1001, 2001]]
    expect(say(100)).toEqual([[100, report]])
    expect(say(socket.segmentSize - 36)).toEqual([[socket.segmentSize - 36, report]])
    expect(say(socket.segmentSize - 35)).toEqual([[socket.segmentSize - 35, []]])
    script.send(segment(0))
    script.drain()
    expect(say(100)).toEqual([[100, []]])
  })

  it('says once a batch how far a range goes that it has reported, and of each new one at once', () => {
    const { script } = established()
    script.send(segment(1), segment(2), segment(3), segment(5), segment(6))
    expect(script.drain().map(({ sack: blocks }) => blocks)).toEqual([
      [[1001, 2001]],
      [
        [5001, 6001],
        [1001, 4001],
      ],
      [
        [5001, 7001],
        [1001, 4001],
      ],
    ])
  })

  it('acknowledges single segments without delay after a gap, sixteen turns long: the peer has a small window then', () => {
    const { script, socket } = established()
    script.send(segment(0))
    expect(script.drain()).toHaveLength(0)
    script.send(segment(2))
    script.send(segment(1))
    script.drain()
    for (let index = 3; index < 19; index++) {
      script.send(segment(index))
      socket.discard(socket.receivedLength)
      expect(script.drain().map(({ acknowledgment }) => acknowledgment)).toEqual([
        1 + (index + 1) * 1000,
      ])
    }
    script.send(segment(19))
    expect(script.drain()).toHaveLength(0)
  })

  it('reports each segment at once while it has text to send, which may have no room for reports', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(100_000), 0, 100_000)
    script.drain()
    script.send(segment(1), segment(2), segment(3))
    expect(script.drain().filter(({ length }) => length === 0)).toHaveLength(3)
  })

  it('opens its window further when half of it is held behind a gap: the peer sends on while it repairs that', () => {
    const { script, socket } = established({ initialBufferBytes: 65_536 })
    const before = socket.receiveLimit
    const octets = 1000
    const half = Math.ceil(before / 2 / octets)
    for (let index = 1; index < half; index++) script.send(segment(index))
    script.drain()
    expect(socket.receiveLimit).toBe(before)
    script.send(segment(half))
    const [last] = script.drain()
    expect(socket.receiveLimit).toBe(2 * before)
    expect(last).toMatchObject({ acknowledgment: 1, window: (2 * before) >> socket.receiveScale })
    script.send(segment(0))
    expect(socket.receivedLength).toBe((half + 1) * octets)
  })

  it('opens its window for what has come, not for how far it lies behind a gap', () => {
    const { script, socket } = established({ initialBufferBytes: 65_536 })
    const before = socket.receiveLimit
    for (let index = 1; index < before / 1000 - 1; index++) {
      script.send(data(1 + index * 1000, new Uint8Array(400)))
    }
    script.drain()
    expect(socket.receiveLimit).toBe(before)
  })

  it('stops reporting once nothing is missing, and says what is when half of it is filled', () => {
    const { script } = established()
    script.send(segment(1), segment(3))
    script.drain()
    script.send(segment(0))
    script.expectSegments({ flags: 'A', acknowledgment: 2001, sack: [[3001, 4001]] })
    script.send(segment(2))
    script.expectSegments({ flags: 'A', acknowledgment: 4001, sack: [] })
  })

  it('reports a segment that came twice, once (RFC 2883 §4.1)', () => {
    const { script } = established()
    script.send(segment(0), segment(1))
    script.drain()
    script.send(segment(1))
    script.expectSegments({ flags: 'A', acknowledgment: 2001, sack: [[1001, 2001]] })
    script.send(segment(3))
    script.expectSegments({ flags: 'A', acknowledgment: 2001, sack: [[3001, 4001]] })
  })

  it('reports a duplicate above the gap in front of the range that it belongs to (RFC 2883 §4.2)', () => {
    const { script } = established()
    script.send(segment(1), segment(2), segment(3))
    script.drain()
    script.send(segment(2))
    script.expectSegments({
      flags: 'A',
      acknowledgment: 1,
      sack: [
        [2001, 3001],
        [1001, 4001],
      ],
    })
  })

  it('reports the part that came twice of a segment that did so partly (RFC 2883 §4.3)', () => {
    const { script } = established()
    script.send(segment(0))
    script.drain()
    script.send(data(501, new Uint8Array(1000)))
    const [first] = script.drain()
    expect(first).toBeUndefined()
    script.advance(40)
    script.expectSegments({ flags: 'A', acknowledgment: 1501, sack: [[501, 1001]] })
  })

  it('has one ACK for a frame that the host has merged: reports are not counted', () => {
    const { script } = established()
    script.send(data(1 + 10 * MSS, new Uint8Array(20 * MSS), { coalescedFrom: MSS }))
    script.expectSegments({ flags: 'A', sack: [[1 + 10 * MSS, 1 + 30 * MSS]] })
  })

  it('sends no report to a peer that has not permitted it', () => {
    const script = new TcpScript()
    script.establish()
    script.send(segment(1), segment(1))
    for (const { sack } of script.drain()) expect(sack).toEqual([])
  })
})

describe('the sender', () => {
  it('sends again exactly what is missing, all of it in one round trip (RFC 6675 §5)', () => {
    const { script, socket } = inFlight(20)
    script.send(ack(at(0), sack([at(1), at(4)])))
    script.send(ack(at(0), sack([at(6), at(12)], [at(1), at(4)])))
    script.send(ack(at(0), sack([at(13), at(20)], [at(6), at(12)], [at(1), at(4)])))
    const sent = script.drain()
    expect(repeated(sent, 20)).toEqual([0, 4, 5, 12])
    expect(socket.statistics.fastRetransmits).toBe(1)
    expect(socket.congestion.thresholdBytes).toBe(14 * MSS)
  })

  it('sends what is lost together as one super-segment', () => {
    const { script } = inFlight(40)
    script.send(ack(at(0), sack([at(8), at(40)])))
    const [first] = script.drain()
    expect(first).toMatchObject({ sequence: at(0), length: 8 * MSS, segmentSize: MSS })
  })

  it('lets out a new segment for each of the first two that are reported (RFC 3042)', () => {
    const { script } = inFlight(10)
    script.send(ack(at(0), sack([at(1), at(2)])))
    script.expectSegments({ sequence: at(10), length: MSS })
    script.send(ack(at(0), sack([at(1), at(3)])))
    script.expectSegments({ sequence: at(11), length: MSS })
  })

  it('takes the third segment reported behind a gap for loss (RFC 8985 §6.2 step 4)', () => {
    const { script } = inFlight(10)
    script.send(ack(at(0), sack([at(1), at(4)])))
    expect(repeated(script.drain(), 10)).toEqual([0])
  })

  it('waits a quarter of the round trip when fewer are reported, then sends again', () => {
    const { script, socket } = inFlight(3)
    script.send(ack(at(0), sack([at(2), at(3)])))
    expect(repeated(script.drain(), 3)).toEqual([])
    const tookMs = script.advanceUntilSent()
    expect(repeated(script.drain(), 3)[0]).toBe(0)
    expect(tookMs).toBeGreaterThan(4)
    expect(tookMs).toBeLessThan(6)
    expect(socket.statistics.retransmitTimeouts).toBe(0)
  })

  it('sends a retransmission again that is lost itself, without a timeout (RFC 8985 §6.2 step 5)', () => {
    const { script, socket } = inFlight(10)
    script.send(ack(at(0), sack([at(1), at(10)])))
    const fresh = script.drain().filter(({ sequence }) => sequence >= at(10))
    expect(fresh.length).toBeGreaterThan(0)
    // What was sent behind it arrives, it does not.
    script.nowMs += 20
    const end = fresh.at(-1)!.sequence + fresh.at(-1)!.length
    script.send(ack(at(0), sack([at(1), end])))
    script.nowMs += 1
    const again = script.drain()
    script.nowMs += 20
    script.send(ack(at(0), sack([at(1), again.at(-1)!.sequence + again.at(-1)!.length])))
    expect(repeated(script.drain(), 1)).toEqual([0])
    expect(socket.statistics.retransmitTimeouts).toBe(0)
  })

  it('sends one again at once that was lost when one behind it arrives, of several sent at one moment, and not the other way round (RFC 8985 §6.2)', () => {
    const { script } = allInFlight()
    script.send(ack(at(0), sack([at(1), at(3)], [at(5), at(10)])))
    expect(repeated(script.drain(), 10)).toEqual([0, 3, 4])
    // The first of the two in the middle arrives; nothing says that the one behind it has not.
    script.nowMs += 20
    script.send(ack(at(0), sack([at(1), at(4)], [at(5), at(10)])))
    expect(repeated(script.drain(), 10)).toEqual([0])
    script.nowMs += 1
    script.send(ack(at(0), sack([at(1), at(10)])))
    script.expectSilence()
    // The repetition of the repetition is lost again, with nothing behind it.
    expect(script.advanceUntilSent()).toBeGreaterThan(20)
  })

  it('sends no more in recovery than has arrived, and ends at ssthresh (RFC 6937 §3)', () => {
    const { script, socket } = inFlight(20)
    let out = 0
    for (let index = 2; index <= 20; index++) {
      script.send(ack(at(0), sack([at(1), at(index)])))
      for (const { length } of script.drain()) out += length
    }
    // 19 segments have arrived: 0.7 of as many may leave, and the two of limited transmit.
    expect(out).toBeLessThanOrEqual(17 * MSS)
    expect(out).toBeGreaterThanOrEqual(12 * MSS)
    script.nowMs += 20
    script.send(ack(socket.sendMax - script.localIsn))
    expect(socket.congestion.inRecovery).toBe(false)
    expect(socket.congestion.windowBytes).toBe(14 * MSS)
  })

  it('sends as much for ACKs that one turn takes as for each in its own: two segments for each in slow start (RFC 9937 §6.2)', () => {
    const counts = [true, false].map((areTogether) => {
      const { script, socket } = inFlight(20)
      socket.congestion.windowBytes = 40 * MSS
      socket.setNoDelay(true)
      script.drain()
      script.nowMs += 20
      // The last three have arrived, and nothing of the rest is in the network.
      script.send(ack(at(0), sack([at(37), at(40)])))
      let sent = repeated(script.drain(), 37).length
      expect(sent).toBe(3)
      for (let round = 0, acked = 0; round < 2; round++) {
        script.nowMs += 20
        const acks = Array.from({ length: sent }, () => ack(at(++acked), sack([at(37), at(40)])))
        sent = 0
        if (areTogether) script.send(...acks)
        for (const one of acks) {
          if (!areTogether) script.send(one)
          sent += repeated(script.drain(), 37).length
        }
      }
      return sent
    })
    expect(counts).toEqual([12, 12])
  })

  it('takes the fast path again once the recovery is over', () => {
    const { script, socket } = inFlight(10)
    const { predictedWord } = socket
    script.send(ack(at(0), sack([at(1), at(10)])))
    script.drain()
    expect(socket.predictedWord).toBe(0)
    script.nowMs += 20
    script.send(ack((socket.sendMax - script.localIsn) | 0))
    expect(socket.predictedWord).toBe(predictedWord)
    expect(socket.outOfFlightBytes).toBe(0)
  })

  it('sends a lost FIN again, alone or with the data before it', () => {
    const { script, socket } = inFlight(4)
    socket.congestion.windowBytes = 40 * MSS
    socket.closeWrite()
    script.drain()
    const end = at(8)
    script.nowMs += 25
    script.send(ack(at(7)))
    script.drain()
    script.advanceUntilSent()
    const sent = script.drain()
    expect(sent.at(-1)).toMatchObject({ sequence: at(7), length: MSS, flags: 'FA' })
    script.send(ack(end + 1))
    expect(socket.sendUnacknowledged).toBe(socket.sendMax)
  })
})

describe('the tail loss probe (RFC 8985 §7)', () => {
  it('sends the last segment again when nothing is heard for two round trips', () => {
    const { script, socket } = allInFlight()
    const sentMs = script.nowMs
    script.advanceUntilSent()
    script.expectSegments({ sequence: at(9), length: MSS })
    expect(script.nowMs - sentMs).toBeGreaterThanOrEqual(40)
    expect(script.nowMs - sentMs).toBeLessThan(50)
    expect(socket.statistics.tailLossProbes).toBe(1)
    // The report of the probe shows what is missing.
    script.nowMs += 20
    script.send(ack(at(0), sack([at(9), at(10)])))
    script.advance(10)
    expect(repeated(script.drain(), 10)[0]).toBe(0)
    expect(socket.statistics.retransmitTimeouts).toBe(0)
  })

  it('sends the first segment again, once, when its repetition is lost with nothing behind it: no timer of 200 ms decides', () => {
    const { script, socket } = allInFlight()
    script.nowMs += 20
    script.send(ack(at(0), sack([at(1), at(10)])))
    expect(repeated(script.drain(), 10)).toEqual([0])
    const window = socket.congestion.windowBytes
    const tookMs = script.advanceUntilSent()
    expect(repeated(script.drain(), 10)).toEqual([0])
    expect(tookMs).toBeGreaterThanOrEqual(40)
    expect(tookMs).toBeLessThan(50)
    expect(socket.congestion.windowBytes).toBe(window)
    expect(socket.statistics).toMatchObject({ retransmitTimeouts: 0, tailLossProbes: 1 })
    script.advanceUntilSent()
    expect(repeated(script.drain(), 10)).toEqual([0])
    expect(socket.statistics).toMatchObject({ retransmitTimeouts: 1, tailLossProbes: 1 })
    script.send(ack(at(10)))
    expect(socket.sendUnacknowledged).toBe(socket.sendMax)
  })

  it('sends the first segment when the probe itself is lost', () => {
    const { script, socket } = allInFlight()
    script.advanceUntilSent()
    expect(repeated(script.drain(), 10)).toEqual([9])
    expect(script.advanceUntilSent()).toBeLessThan(50)
    expect(repeated(script.drain(), 10)).toEqual([0])
    script.nowMs += 20
    // RACK: what was sent before it and has not arrived is lost.
    script.send(ack(at(1)))
    script.advance(20)
    expect(repeated(script.drain(), 10)[0]).toBe(1)
    expect(socket.statistics.retransmitTimeouts).toBe(0)
  })

  it('sends new data instead if there is some, beyond cwnd (§7.3)', () => {
    const { script } = inFlight(5)
    script.advanceUntilSent()
    script.expectSegments({ sequence: at(5), length: MSS })
  })

  it('is not sent for a single segment, whose ACK may be delayed', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    script.nowMs += 20
    script.send(ack(101))
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    const took = script.advanceUntilSent()
    expect(took).toBeGreaterThan(200)
    expect(socket.statistics.tailLossProbes).toBe(0)
    expect(socket.statistics.retransmitTimeouts).toBe(1)
  })

  it('is over when all goes again, as in smaller segments: the ACK of that is no sign of a loss that it repaired', () => {
    const { script, socket } = allInFlight()
    script.advanceUntilSent()
    script.drain()
    expect(socket.recovery!.hasProbe).toBe(true)
    const before = socket.congestion.thresholdBytes
    script.flows[0]!.pathMtu = 1400
    goBack(socket)
    socket.setNoDelay(true)
    script.send(ack(at(1)))
    for (let end = at(1); end < at(10); end = socket.sendNext - script.localIsn) {
      script.drain()
      script.nowMs += 20
      script.send(ack(socket.sendNext - script.localIsn))
    }
    socket.send(new Uint8Array(MSS), 0, MSS)
    script.drain()
    script.nowMs += 20
    script.send(ack(at(11)))
    expect(socket.sendUnacknowledged).toBe(socket.sendMax)
    expect(socket.congestion.thresholdBytes).toBe(before)
  })

  it.each(['cubic', 'reno'] as const)(
    'has the flight without what limited transmit has let out reduced when a loss is seen, with %s (RFC 5681 §3.2)',
    (congestionControl) => {
      const { script, socket } = inFlight(10, { congestionControl })
      for (const end of [2, 3]) {
        script.send(ack(at(0), sack([at(1), at(end)])))
        script.expectSegments({ length: MSS })
      }
      script.send(ack(at(0), sack([at(1), at(4)])))
      script.drain()
      const beta = congestionControl === 'cubic' ? 0.7 : 0.5
      expect(socket.congestion.thresholdBytes).toBe(10 * beta * MSS)
    },
  )

  it('that repaired a loss reduces the window, one whose D-SACK comes does not (§7.4)', () => {
    for (const wasLost of [true, false]) {
      const { script, socket } = allInFlight()
      script.advanceUntilSent()
      script.drain()
      const window = socket.congestion.windowBytes
      script.send(ack(at(10)))
      if (!wasLost) script.send(ack(at(10), sack([at(9), at(10)])))
      socket.send(new Uint8Array(MSS), 0, MSS)
      script.drain()
      script.nowMs += 20
      script.send(ack(at(11)))
      if (wasLost) expect(socket.congestion.windowBytes).toBeLessThan(window)
      else expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(window)
    }
  })
})

describe('the retransmission timer', () => {
  it('sends again only what was not reported, in slow start (RFC 6675 §5.1)', () => {
    const { script, socket } = inFlight(10)
    script.send(ack(at(0), sack([at(4), at(5)])))
    script.drain()
    // Everything else of this flight and what recovery sends is lost.
    for (let round = 0; socket.statistics.retransmitTimeouts === 0 && round < 20; round++) {
      script.advanceUntilSent()
      if (socket.statistics.retransmitTimeouts === 0) script.drain()
    }
    expect(repeated(script.drain(), 10)).toEqual([0])
    script.nowMs += 20
    const indices: number[] = []
    for (let round = 0; round < 12; round++) {
      const next = indices.length === 0 ? 1 : Math.max(...indices) + 1
      script.send(ack(at(next === 4 ? 5 : next)))
      indices.push(...repeated(script.drain(), 10))
      script.nowMs += 20
    }
    expect(indices).not.toContain(4)
    expect(indices).toContain(3)
  })

  it('does not trust reports that the peer has taken back (RFC 2018 §8)', () => {
    const { script, socket } = inFlight(6)
    script.send(ack(at(0), sack([at(1), at(6)])))
    script.drain()
    script.nowMs += 20
    // The peer has dropped all that it had reported: its ACK ends where a report began.
    script.send(ack(at(1)))
    const indices = new Set<number>()
    for (let round = 0; round < 30 && indices.size < 5; round++) {
      for (const index of repeated(script.drain(), 6)) indices.add(index)
      if (indices.has(1)) script.send(ack(at(Math.max(...indices) + 1)))
      else script.advanceUntilSent()
      script.nowMs += 20
    }
    expect([...indices].sort()).toEqual([1, 2, 3, 4, 5])
    expect(socket.state).toBeGreaterThan(0)
  })
})

describe('a wrong reduction is taken back', () => {
  function withTimestamps() {
    const script = new TcpScript({ superSegmentLimit: 65_000, configuration: { pacing: false } })
    script.peerWindow = 512
    const made = script.establish({ windowScale: 7, sackPermitted: true, timestamp: [1, 0] })
    made.socket.send(new Uint8Array(20 * 1448), 0, 20 * 1448)
    const sent = script.drain()
    return { script, ...made, stamp: sent[0]!.timestamp![0] }
  }

  it('when the ACK echoes a time before the retransmission (RFC 3522 §3.2)', () => {
    const { script, socket, stamp } = withTimestamps()
    const window = socket.congestion.windowBytes
    script.nowMs += 20
    const late = {
      timestamp: [2, stamp] as const,
      sack: [[1 + 1448, 1 + 5 * 1448]] as [number, number][],
    }
    script.send(ack(1, late))
    script.drain()
    expect(socket.congestion.inRecovery).toBe(true)
    script.nowMs += 1
    script.send(ack(1 + 5 * 1448, { timestamp: [3, stamp] }))
    expect(socket.congestion.inRecovery).toBe(false)
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(window)
    expect(socket.statistics.undoneReductions).toBe(1)
  })

  it('also after a timeout that came too early', () => {
    const { script, socket, stamp } = withTimestamps()
    const window = socket.congestion.windowBytes
    for (let round = 0; socket.statistics.retransmitTimeouts === 0 && round < 5; round++) {
      script.advanceUntilSent()
      script.drain()
    }
    expect(socket.congestion.windowBytes).toBeLessThan(window)
    script.send(ack(1 + 4 * 1448, { timestamp: [3, stamp] }))
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(window)
    expect(socket.statistics.undoneReductions).toBe(1)
  })

  it('when D-SACKs say that all that was sent again came twice (RFC 3708 §2)', () => {
    const { script, socket } = inFlight(10)
    const window = socket.congestion.windowBytes
    script.send(ack(at(0), sack([at(1), at(5)])))
    script.drain()
    expect(socket.congestion.windowBytes).toBeLessThan(window)
    script.nowMs += 2
    script.send(ack(at(6)))
    script.nowMs += 20
    script.send(ack(at(6), sack([at(0), at(1)])))
    expect(socket.statistics.undoneReductions).toBe(1)
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(window)
  })
})

describe('hostile reports', () => {
  it.each<[string, [number, number]]>([
    ['above what was sent', [at(9), at(30)]],
    ['empty', [at(3), at(3)]],
    ['backwards', [at(5), at(3)]],
    ['from the ACK on', [at(0), at(3)]],
    ['half the sequence space away', [at(3), (at(3) + 0x7fff_ffff) | 0]],
    ['below the window for ever', [-0x4000_0000, -0x3fff_0000]],
  ])('%s change nothing', (_, block) => {
    const { script, socket } = inFlight(10)
    for (let count = 0; count < 10; count++) script.send(ack(at(0), sack(block)))
    script.expectSilence()
    expect(socket.outOfFlightBytes).toBe(0)
    expect(socket.congestion.inRecovery).toBe(false)
    expect(socket.congestion.windowBytes).toBe(10 * MSS)
    expect(script.tcp.statistics.drops.badSackBlock).toBe(10)
  })

  it('in their 10,000s of single octets make a bounded number of runs, and the bytes still arrive', () => {
    const { script, socket } = inFlight(30)
    for (let index = 0; index < 10_000; index++) {
      const from = at(1) + 4 * index
      script.send(ack(at(0), sack([from, from + 1])))
      if (index % 1000 === 0) script.drain()
    }
    const { board } = socket.recovery!
    expect(board.runCount).toBeLessThanOrEqual(MAX_RUNS)
    let sum = 0
    for (let run = 0; run < board.runCount; run++) {
      const length = board.runEnd(run) - board.runStart(run)
      expect(length).toBeGreaterThan(0)
      if (board.runState(run) & 1) sum += length
    }
    expect(board.sackedBytes).toBe(sum)
    script.nowMs += 20
    script.send(ack((socket.sendMax - script.localIsn) | 0))
    expect(socket.outOfFlightBytes).toBe(0)
    expect(board.runCount).toBe(0)
  })

  it('that overlap are counted once', () => {
    const { script, socket } = inFlight(10)
    script.send(ack(at(0), sack([at(2), at(5)], [at(3), at(6)], [at(2), at(4)])))
    expect(socket.recovery!.board.sackedBytes).toBe(4 * MSS)
  })

  it('ACK division grows the window by the bytes, not by the ACKs (RFC 3465 §2.3)', () => {
    const whole = inFlight(10)
    whole.script.send(ack(at(10)))
    const divided = inFlight(10)
    for (let part = 1; part <= 200; part++) {
      divided.script.send(ack(at(0) + Math.floor((10 * MSS * part) / 200)))
    }
    expect(divided.socket.congestion.windowBytes).toBeLessThanOrEqual(
      whole.socket.congestion.windowBytes,
    )
  })

  it('an ACK of what was never sent is refused (optimistic ACKs)', () => {
    const { script, socket } = inFlight(10)
    script.send(ack(at(40)))
    expect(socket.congestion.windowBytes).toBe(10 * MSS)
    expect(socket.sendUnacknowledged - script.localIsn).toBe(at(0))
  })
})
