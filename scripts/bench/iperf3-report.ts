/**
 * Reads the real iperf3 client's JSON report; trusts the guest's word in it only as far as the host
 * can check it.
 */

interface Sum {
  readonly bytes: number
  readonly seconds: number
}

interface Report {
  readonly error?: string
  readonly end: {
    readonly sum_sent: Sum
    readonly sum_received: Sum
    readonly cpu_utilization_percent: { readonly host_total: number }
  }
}

export interface Iperf3Figure {
  /** Payload that arrived. */
  readonly bytes: number
  /** By the client's clock, which is the host's. */
  readonly elapsedMs: number
  /** Processor time of the client over elapsed time. */
  readonly peerLoad: number
}

/**
 * The client could not make its test; the server it asked may only not be done with the last one.
 */
export class Iperf3Error extends Error {
  override readonly name = 'Iperf3Error'
  readonly isTransient: boolean

  constructor(message: string) {
    super(message)
    this.isTransient = /busy|connection refused|reset by peer/i.test(message)
  }
}

/** Throws Iperf3Error with iperf3's own words. */
export function readIperf3Report(
  text: string,
  direction: 'guest sends' | 'guest receives',
): Iperf3Figure {
  let report: Report
  try {
    report = JSON.parse(text) as Report
  } catch {
    throw new Iperf3Error(`no report: ${text.trim().slice(0, 120) || 'nothing'}`)
  }
  if (report.error !== undefined) throw new Iperf3Error(report.error)
  const { sum_sent: sent, sum_received: received, cpu_utilization_percent: cpu } = report.end
  // When the guest receives, `received` is its own count, and its seconds are those of its clock.
  const timedByHost = direction === 'guest sends' ? received : sent
  if (!(received.bytes > 0) || !(timedByHost.seconds > 0)) {
    throw new Iperf3Error('nothing was transferred')
  }
  return {
    bytes: received.bytes,
    elapsedMs: timedByHost.seconds * 1000,
    peerLoad: cpu.host_total / 100,
  }
}
