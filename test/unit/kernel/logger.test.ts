/** The log: levels, line format, named loggers. */
import { describe, expect, it } from 'vitest'
import { formatTimestamp, LOG_LEVELS, Logger, type LogLevel } from '../../../kernel/logger.ts'

function fixture(level: LogLevel) {
  const lines: string[] = []
  const log = new Logger('net', level, {
    write: (text) => lines.push(text),
    nowNs: () => 1_234_567_890,
  })
  return { lines, log }
}

describe('Logger', () => {
  it.each(LOG_LEVELS.map((level, index) => [level, index + 1] as const))(
    'at level %s writes the %i most severe kinds of message',
    (level, count) => {
      const { lines, log } = fixture(level)
      for (const method of LOG_LEVELS) log[method](method)
      expect(lines.length).toBe(count)
      expect([log.infoEnabled, log.debugEnabled, log.traceEnabled]).toEqual([
        count >= 3,
        count >= 4,
        count >= 5,
      ])
    },
  )

  it('writes one line with time, component and severity', () => {
    const { lines, log } = fixture('info')
    log.warn('link is down')
    log.named('app').info('hello')
    expect(lines).toEqual([
      '[  1.234567890] net: warning: link is down\n',
      '[  1.234567890] app: hello\n',
    ])
  })
})

describe('formatTimestamp', () => {
  it.each([
    [0, '  0.000000000'],
    [1, '  0.000000001'],
    [999_999_999, '  0.999999999'],
    [1e9, '  1.000000000'],
    [2 ** 53 - 1, '9007199.254740991'],
  ])('shows %i ns as %j', (ns, text) => {
    expect(formatTimestamp(ns)).toBe(text)
  })
})
