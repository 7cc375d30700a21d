/** What the log says of handlers that fail: a line each, and of a flood a count. */
import { describe, expect, it } from 'vitest'
import { reportConnectionFailures } from '../../../kernel/connection-failure.ts'
import { reportDatagramFailures } from '../../../kernel/datagram-failure.ts'
import { FAILURE_LINES_A_SECOND } from '../../../kernel/failure-lines.ts'
import { Logger } from '../../../kernel/logger.ts'

function fixture() {
  const lines: string[] = []
  const clock = { nowNs: 5e9 }
  const log = new Logger('app', 'info', {
    write: (text) => lines.push(text),
    nowNs: () => clock.nowNs,
  })
  const platform = { mapStackTrace: (stack: string) => stack, monotonicNs: () => clock.nowNs }
  return { lines, clock, log, platform }
}
const PEER = { hostname: '192.0.2.7', port: 0 }

describe('a handler that fails again and again', () => {
  it('has ten lines in a second, and a count before the first of a later one', () => {
    const { lines, clock, log, platform } = fixture()
    const report = reportDatagramFailures(log, platform)
    for (let count = 0; count < 1000; count++) {
      report({ ...PEER, family: 'ipv4' } as never, new Error(`number ${count}`), null)
      clock.nowNs += 999_999
    }
    expect(lines).toHaveLength(FAILURE_LINES_A_SECOND)
    expect(lines[9]).toContain('datagram from 192.0.2.7 port 0 failed: Error: number 9')
    clock.nowNs += 1_000_000
    report({ ...PEER, family: 'ipv4' } as never, new Error('later'), null)
    expect(lines.slice(10).map((line) => line.split('\n')[0])).toEqual([
      expect.stringContaining('990 more datagrams failed, of which no line was written'),
      expect.stringContaining('failed: Error: later'),
    ])
  })

  it('is told of whole when it fails ten times in a second, for datagrams and connections apart', () => {
    const { lines, log, platform } = fixture()
    const datagram = reportDatagramFailures(log, platform)
    const connection = reportConnectionFailures(log, platform)
    const failed = { remoteAddress: PEER, error: null } as never
    for (let count = 0; count < FAILURE_LINES_A_SECOND; count++) {
      datagram({ ...PEER, family: 'ipv4' } as never, new Error('of a datagram'), null)
      connection(failed, new Error('of a connection'))
    }
    expect(lines).toHaveLength(2 * FAILURE_LINES_A_SECOND)
    connection(failed, new Error('one more'))
    expect(lines).toHaveLength(2 * FAILURE_LINES_A_SECOND)
  })
})
