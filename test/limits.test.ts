/**
 * docs/limits.md: each limit has the value that it says, each counter exists, and no limit of the
 * code is left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createInterfaceCounters } from '../net/iface/interface-counters.ts'
import { createDnsStatistics } from '../net/socket/dns/statistics.ts'
import { createTcpStatistics } from '../net/socket/tcp/statistics.ts'
import { createUdpStatistics } from '../net/socket/udp/statistics.ts'

const ROOT = new URL('..', import.meta.url).pathname

interface Limit {
  readonly name: string
  readonly value: string
  readonly file: string
}

interface Row {
  readonly text: string
  readonly limits: readonly Limit[]
  readonly rule: string
  readonly counted: string
}

const rows: Row[] = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (what|---)/.test(line))
  .map((text) => {
    const [, , limit, rule, counted] = text.split('|').map((cell) => cell.trim())
    const file = / in `([^`]+)`$/.exec(limit!)?.[1] ?? ''
    const limits = [...limit!.matchAll(/`([A-Za-z_0-9]+)` = `([^`]+)`/g)]
    return {
      text,
      limits: limits.map(([, name, value]) => ({ name: name!, value: value!, file })),
      rule: rule!,
      counted: counted!,
    }
  })

const tcp = createTcpStatistics()
const udp = createUdpStatistics()
const dns = createDnsStatistics()
const COUNTERS: Readonly<Record<string, readonly string[]>> = {
  interface: Object.keys(createInterfaceCounters()),
  tcp: [...Object.keys(tcp), ...Object.keys(tcp.drops)],
  udp: [...Object.keys(udp), ...Object.keys(udp.drops)],
  dns: [...Object.keys(dns), ...Object.keys(dns.drops)],
  device: ['drops', 'deviceViolations'],
}

/** What the name of a constant makes look like a limit of something that grows, and is none. */
const NO_LIMITS = new Set([
  // The largest values that a field or an RFC allows.
  'MAX_WINDOW_SCALE',
  'MAX_STRATUM',
  'MAX_ROOT_DISTANCE_US',
  'TCP_MAX_SACK_BLOCKS',
  'TCP_MAX_HEADER_LENGTH',
  'TRANSPORT_MAX_HEADER_LENGTH',
  'V1_MAX_RESPONSE_MS',
  'MLD_HOP_LIMIT',
  'NDP_HOP_LIMIT',
  'DEFAULT_HOP_LIMIT',
  'REPORT_HOP_LIMIT',
  'LEAST_BELIEVED_HOP_LIMIT',
  'MAX_IDENTIFIER_LENGTH',
  'MAX_NAME_LENGTH',
  'MAX_PAGES',
  'MAX_MESSAGE_LENGTH',
  'MAX_DATAGRAM_LENGTH',
  'MAX_LABEL_OCTETS',
  'MAX_NAME_OCTETS',
  'MAX_TEXT_LENGTH',
  'MAX_SUPER_SEGMENT_LENGTH',
  'MAX_SEGMENTED_HEADER_LENGTH',
  // Where a field lies.
  'MAX_RESPONSE_OFFSET',
  // What RFC 8985 §6.2 lets a reordering window grow to, in quarters of the least round trip.
  'MAX_WINDOW_QUARTERS',
  // How long something waits, or how much goes into one frame of a capture.
  'MAX_DELAY_MS',
  'MAX_RETRY_INTERVAL_MS',
  'MAX_INITIAL_DELAY_MS',
  'INF_MAX_DELAY_MS',
  'INF_MAX_RT_MS',
  'MAX_COMMENT_LENGTH',
  'MAX_BYTES_A_UNIT',
  'MAX_TIMEOUT_MS',
  'MAX_TTL_SECONDS',
  'MAX_NEGATIVE_TTL_SECONDS',
  // Of the fault injector, which no guest has.
  'MAX_OVERTAKING',
])

const LIMIT_NAME =
  /^(?:export )?const ((?:MAX_[A-Z0-9_]+|[A-Z0-9_]+_MAX|[A-Z0-9_]*(?:LIMIT|CAPACITY)(?:_BYTES)?|[A-Z0-9_]*_MAX_[A-Z0-9_]+)) =/gm

function limitsOf(folder: string): { name: string; file: string }[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(LIMIT_NAME)].map(([, name]) => ({
        name: name!,
        file,
      })),
    )
}

describe('docs/limits.md', () => {
  it('names a constant for each limit, which has the value that it says', () => {
    expect(rows.length).toBeGreaterThan(40)
    const wrong = rows.flatMap(({ text, limits }) => {
      if (limits.length === 0) return [`no constant: ${text}`]
      return limits.flatMap(({ name, value, file }) => {
        if (!existsSync(join(ROOT, file))) return [`${file} is not there: ${text}`]
        const code = readFileSync(join(ROOT, file), 'utf8')
        const isThere = code.includes(`const ${name} = ${value}\n`)
        return isThere || code.includes(`  ${name}: ${value},\n`) ? [] : [`${name} in ${file}`]
      })
    })
    expect(wrong).toEqual([])
  })

  it('says of each what happens when it is reached, and how one learns of it', () => {
    const silent = rows.filter(({ rule, counted }) => rule.length < 5 || counted.length < 5)
    expect(silent.map(({ text }) => text)).toEqual([])
  })

  it('names counters that exist', () => {
    const missing = rows.flatMap(({ counted }) => {
      const named = /^`(?:(tcp|udp|dns|device) )?([A-Za-z]+)`$/.exec(counted)
      if (named === null) return []
      const [, layer = 'interface', name] = named
      return COUNTERS[layer]!.includes(name!) ? [] : [counted]
    })
    expect(missing).toEqual([])
    expect(rows.filter(({ counted }) => counted.startsWith('`')).length).toBeGreaterThan(20)
  })

  it('leaves no limit of net/ and of HTTP out', () => {
    const named = new Set(rows.flatMap(({ limits }) => limits.map(({ name }) => name)))
    const found = [...limitsOf('net'), ...limitsOf('kernel/userland/http')]
    expect(found.length).toBeGreaterThan(20)
    const left = found.filter(({ name }) => !named.has(name) && !NO_LIMITS.has(name))
    expect(left).toEqual([])
  })
})
