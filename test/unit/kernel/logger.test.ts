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

  it('writes an object a line with format json, and tells whoever else listens', () => {
    const lines: string[] = []
    const taken: string[] = []
    const log = new Logger('net', 'info', {
      write: (text) => lines.push(text),
      nowNs: () => 0,
      format: 'json',
      take: (level, component, message) => taken.push(`${level} ${component} ${message}`),
    }).named('app')
    log.warn('two\nlines "quoted"')
    log.debug('not taken')
    const { time, ...rest } = JSON.parse(lines[0]!)
    expect(lines[0]!.split('\n')).toHaveLength(2)
    expect(rest).toEqual({ level: 'warn', component: 'app', message: 'two\nlines "quoted"' })
    expect(new Date(time).toISOString()).toBe(time)
    expect([lines.length, taken]).toEqual([1, ['warn app two\nlines "quoted"']])
  })

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
