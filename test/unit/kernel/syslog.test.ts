/**
 * The log on its way to a collector: RFC 5424's form, RFC 6587's counting, and nothing that grows
 * while nobody takes it.
 */
import { describe, expect, it } from 'vitest'
import type { LogLevel } from '../../../kernel/logger.ts'
import { openSyslog, type SyslogParts } from '../../../kernel/open-syslog.ts'
import { SyslogClient, type SyslogTransport } from '../../../kernel/syslog-client.ts'
import { encodeSyslogMessage } from '../../../kernel/syslog-message.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'

const encodeText = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const TIME = '2026-01-02T03:04:05.678Z'

function message(level: LogLevel, text: string, hostName = '10.0.0.2'): string {
  const entry = { level, component: 'app', message: text, time: TIME }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    encodeSyslogMessage(entry, hostName, encodeText),
  )
}

describe('a message (RFC 5424 §6)', () => {
  it.each([
    ['error', 11],
    ['warn', 12],
    ['info', 14],
    ['debug', 15],
  ] as const)('of level %s has priority %i of the user-level facility', (level, priority) => {
    expect(message(level, 'it is')).toBe(`<${priority}>1 ${TIME} 10.0.0.2 eremite - app - it is`)
  })

  it('says that there is no host name, and begins with the BOM when it is not ASCII', () => {
    expect(message('info', 'grüße', '')).toBe(`<14>1 ${TIME} - eremite - app - \ufeffgrüße`)
  })

  it('is cut at 2048 octets, never within a character (§6.1)', () => {
    const entry = {
      level: 'info',
      component: 'app',
      message: 'ü'.repeat(3000),
      time: TIME,
    } as const
    for (const hostName of ['a', 'ab']) {
      const bytes = encodeSyslogMessage(entry, hostName, encodeText)
      expect([2047, 2048]).toContain(bytes.length)
      expect(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toMatch(/ü$/)
    }
  })
})

function collector(options: { failures?: number; isCounted?: boolean; fraction?: number } = {}) {
  const client = new SyslogClient()
  const got: string[] = []
  const pauses: number[] = []
  let failures = options.failures ?? 0
  const transport: SyslogTransport = {
    async send(bytes) {
      if (failures-- > 0) throw new Error('away')
      got.push(textOf(bytes))
    },
    close() {},
  }
  const start = () =>
    client.start({
      open: async () => transport,
      isCounted: options.isCounted ?? false,
      hostName: () => 'h',
      encodeText,
      pause: async (delayMs) => void pauses.push(delayMs),
      drawFraction: () => options.fraction ?? 0,
    })
  return { client, got, pauses, start }
}
const settle = () => new Promise((done) => setTimeout(done, 5))
const texts = (got: string[]) => got.map((line) => line.split(' - ')[2])

describe('SyslogClient', () => {
  it('keeps what is said before there is a network, and sends it in order', async () => {
    const { client, got, start } = collector()
    client.take('info', 'app', 'first')
    client.take('error', 'app', 'second')
    await settle()
    expect(got).toEqual([])
    start()
    await settle()
    client.take('warn', 'app', 'third')
    await settle()
    expect(texts(got)).toEqual(['first', 'second', 'third'])
    expect(client.sent).toBe(3)
  })

  it('leaves debug and trace at home: its own packets are told of there', async () => {
    const { client, got, start } = collector()
    start()
    client.take('debug', 'net', 'x')
    client.take('trace', 'net', 'x')
    await settle()
    expect(got).toEqual([])
  })

  it('keeps 256 lines, the newest, and says how many were lost', async () => {
    const { client, got, start } = collector()
    for (let index = 0; index < 300; index++) client.take('info', 'app', `${index}`)
    expect(client.lost).toBe(44)
    start()
    await settle()
    expect(texts(got)).toHaveLength(256)
    expect(texts(got).slice(0, 2)).toEqual(['(44 lines were lost) 44', '45'])
  })

  it('says how many were lost in the first line that leaves, where others fail to', async () => {
    const { client, got, start } = collector({ failures: 3 })
    for (let index = 0; index < 300; index++) client.take('info', 'app', `${index}`)
    start()
    await settle()
    expect(texts(got).slice(0, 2)).toEqual(['(44 lines were lost) 44', '45'])
  })

  it('tries again up to half a pause later, so that guests do not come back together', async () => {
    const { client, pauses, start } = collector({ failures: 3, fraction: 0.99 })
    start()
    client.take('info', 'app', 'it')
    await settle()
    expect(pauses).toEqual([1495, 2990, 5980])
  })

  it('tries a collector that is away again, less and less often, and loses nothing', async () => {
    const { client, got, pauses, start } = collector({ failures: 7 })
    start()
    client.take('info', 'app', 'it')
    await settle()
    expect(texts(got)).toEqual(['it'])
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  it('counts octets on a connection (RFC 6587 §3.4.1)', async () => {
    const { client, got, start } = collector({ isCounted: true })
    start()
    client.take('info', 'app', 'grüße')
    await settle()
    const [, count, rest] = /^(\d+) (<14>1 .*)$/s.exec(got[0]!)!
    expect(Number(count)).toBe(encodeText(rest!).length)
  })
})

describe('a collector on a connection', () => {
  it('that has ended it gets what follows on another one, and no line is lost', async () => {
    const client = new SyslogClient()
    const timers = new TimerQueue()
    let nowNs = 0
    const connections: { state: string; got: string[] }[] = []
    const connect = async () => {
      const connection = { state: 'ESTABLISHED', got: [] as string[] }
      connections.push(connection)
      return {
        ...{ error: null, setUserTimeout() {}, abort() {}, info: () => connection },
        write: async (bytes: Uint8Array) => void connection.got.push(textOf(bytes)),
      }
    }
    openSyslog(client, { protocol: 'tcp', hostname: '10.0.0.1', port: 601 }, {
      ...{ connect, timers, nowNs: () => nowNs, addressTexts: () => ['10.0.0.2/24'] },
      encodeUtf8: (text: string, target: Uint8Array) => {
        target.set(encodeText(text))
        return encodeText(text).length
      },
      random: { nextInt32: () => 0 },
    } as unknown as SyslogParts)
    client.take('info', 'app', 'first')
    await settle()
    connections[0]!.state = 'CLOSE-WAIT'
    client.take('info', 'app', 'second')
    await settle()
    nowNs = 1.01e9
    timers.runDue(nowNs, 8)
    await settle()
    expect(connections.map(({ got }) => texts(got))).toEqual([['first'], ['second']])
  })
})
