/** One question to one NTP server: the answer that repeats its nonce, or none in time. */
import type { NtpRefusal, NtpReply } from '../../net/wire/ntp.ts'
import type { TimerQueue } from '../timer-queue.ts'
import type { TimeSample } from './agreed-time.ts'
import type { TimeStatistics } from './time-statistics.ts'

const NS_PER_US = 1000
const ANSWER_TIMEOUT_MS = 2000
/**
 * Datagrams that are no answer are passed over, so that a forged one does not displace the right
 * one; so many at most.
 */
const MAX_PASSED_OVER = 16
/** Readings of the clock, and the turns of the loop before an answer is looked at. */
const OWN_ERROR_US = 1000

/** A UDP port with the server as its one peer. */
export interface TimeEndpoint {
  send(bytes: Uint8Array): Promise<unknown>
  receive(): Promise<readonly [Uint8Array, ...unknown[]]>
  close(): void
}

export interface NtpCodec {
  createRequest(nonce: Uint8Array): Uint8Array
  read(bytes: Uint8Array, nonce: Uint8Array): NtpReply | NtpRefusal
}

export interface AskParts {
  readonly codec: NtpCodec
  readonly open: (server: string) => Promise<TimeEndpoint>
  /** A fresh one for each question. */
  readonly drawNonce: () => Uint8Array
  readonly nowNs: () => number
  readonly timers: TimerQueue
  readonly statistics: TimeStatistics
}

export interface ServerAnswer extends TimeSample {
  readonly stratum: number
  readonly delayUs: number
}

/**
 * Null without a usable answer; `kiss` when the server wants not to be asked like this. Never
 * rejects.
 */
export async function askServer(
  server: string,
  parts: AskParts,
): Promise<ServerAnswer | { kiss: string } | null> {
  const { timers, nowNs, statistics } = parts
  let endpoint: TimeEndpoint | null = null
  let isLate = false
  const timer = timers.add(nowNs() + ANSWER_TIMEOUT_MS * 1e6, () => {
    isLate = true
    endpoint?.close()
  })
  try {
    endpoint = await parts.open(server)
    if (isLate) throw new Error('The time is over')
    return await exchange(server, endpoint, parts)
  } catch {
    // A name that nobody knows, a port that nobody listens on, the end of waiting: no answer.
    statistics.unanswered++
    return null
  } finally {
    timers.cancel(timer)
    endpoint?.close()
  }
}

async function exchange(
  server: string,
  endpoint: TimeEndpoint,
  { codec, drawNonce, nowNs, statistics }: AskParts,
): Promise<ServerAnswer | { kiss: string } | null> {
  const nonce = drawNonce()
  const sentNs = nowNs()
  statistics.requests++
  await endpoint.send(codec.createRequest(nonce))
  for (let passedOver = 0; passedOver < MAX_PASSED_OVER; passedOver++) {
    const [bytes] = await endpoint.receive()
    const receivedNs = nowNs()
    const reply = codec.read(bytes, nonce)
    if (typeof reply === 'string') {
      statistics.rejected[reply]++
      // Who knows the nonce is the server: it will say nothing else.
      if (reply !== 'tooShort' && reply !== 'notOurs') return null
    } else if ('kiss' in reply) {
      statistics.rejected.kiss++
      return reply
    } else {
      return judge(server, reply, sentNs / NS_PER_US, receivedNs / NS_PER_US, statistics)
    }
  }
  statistics.unanswered++
  return null
}

/**
 * RFC 5905 §8: the way there and back is what the server did not hold the answer for; half of it is
 * the way back.
 */
function judge(
  server: string,
  { stratum, rootDistanceUs, receiveUs, transmitUs }: NtpReply,
  sentUs: number,
  receivedUs: number,
  statistics: TimeStatistics,
): ServerAnswer | null {
  const delayUs = receivedUs - sentUs - (transmitUs - receiveUs)
  // Two clocks differ a little in how long a moment is.
  if (delayUs < -OWN_ERROR_US) {
    statistics.rejected.noTime++
    return null
  }
  statistics.answers++
  const wayUs = Math.max(delayUs, 0) / 2
  return {
    ...{ server, stratum, delayUs: Math.round(wayUs * 2) },
    dateAtZeroUs: Math.round(transmitUs + wayUs - receivedUs),
    errorUs: Math.ceil(wayUs + rootDistanceUs + OWN_ERROR_US),
  }
}
