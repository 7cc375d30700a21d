/** iperf3's JSON: which of its numbers count, and its errors. */
import { describe, expect, it } from 'vitest'
import { Iperf3Error, readIperf3Report } from '../iperf3-report.ts'

function report(sent: [number, number], received: [number, number]): string {
  const [sentBytes, sentSeconds] = sent
  const [receivedBytes, receivedSeconds] = received
  return JSON.stringify({
    end: {
      sum_sent: { bytes: sentBytes, seconds: sentSeconds },
      sum_received: { bytes: receivedBytes, seconds: receivedSeconds },
      cpu_utilization_percent: { host_total: 25 },
    },
  })
}

describe('readIperf3Report', () => {
  it('counts what arrived, not what was written', () => {
    const text = report([5000, 2], [4000, 2])
    expect(readIperf3Report(text, 'guest receives').bytes).toBe(4000)
    expect(readIperf3Report(text, 'guest sends').bytes).toBe(4000)
  })

  it('never takes the time from the guest’s clock', () => {
    const text = report([5000, 2], [4000, 1])
    // The client sends: its own time is that of sending.
    expect(readIperf3Report(text, 'guest receives').elapsedMs).toBe(2000)
    expect(readIperf3Report(text, 'guest sends').elapsedMs).toBe(1000)
  })

  it('gives the client’s processor time', () => {
    expect(readIperf3Report(report([1, 1], [1, 1]), 'guest sends').peerLoad).toBe(0.25)
  })

  it('tells an error in iperf3’s words, and whether waiting helps', () => {
    const read = (text: string) => () => readIperf3Report(text, 'guest sends')
    const failure = (text: string): Iperf3Error => {
      try {
        read(text)()
      } catch (error) {
        return error as Iperf3Error
      }
      throw new Error('no error')
    }
    const busy = failure('{"error":"error - the server is busy running a test. try again later"}')
    expect(busy).toBeInstanceOf(Iperf3Error)
    expect(busy.isTransient).toBe(true)
    const gone = failure('{"error":"error - control socket has closed unexpectedly"}')
    expect(gone.isTransient).toBe(false)
    expect(read('')).toThrow('no report: nothing')
    expect(read(report([0, 1], [0, 1]))).toThrow('nothing was transferred')
  })
})
