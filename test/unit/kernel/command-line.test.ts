/**
 * The kernel command line (kernel/README.md): every key with good and bad values, and messages of
 * one clear line.
 */
import { describe, expect, it } from 'vitest'
import {
  type AddressSyntax,
  CommandLineError,
  parseCommandLine,
} from '../../../kernel/command-line.ts'
import { MAX_NETWORK_INTERFACES } from '../../../kernel/interface-settings.ts'
import { isHostAddress } from '../../../net/wire/cidr.ts'
import { isDomainName } from '../../../net/wire/domain-list.ts'
import { type IpAddress, isLinkLocal, isSameAddress } from '../../../net/wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../../../net/wire/ip-address-text.ts'

const word = (address: IpAddress, index: number) =>
  [address.word0, address.word1, address.word2, address.word3][index]!

const SYNTAX: AddressSyntax<IpAddress> = {
  parse(text, version) {
    const address = parseIpAddress(text)
    return address !== null && address.version === version ? address : null
  },
  isHost: (address, prefixLength) => isHostAddress({ address, prefixLength }),
  isLinkLocal,
  isEqual: isSameAddress,
  isDomainName,
  isSamePrefix(a, b, prefixLength) {
    const bits = (address: IpAddress) =>
      [0, 1, 2, 3]
        .slice(address.version === 4 ? 3 : 0)
        .map((index) => (word(address, index) >>> 0).toString(2).padStart(32, '0'))
        .join('')
    return bits(a).slice(0, prefixLength) === bits(b).slice(0, prefixLength)
  },
}
const OFFLOADS = ['csum', 'tso4', 'tso6', 'guest_csum', 'guest_tso4', 'guest_tso6', 'mrg_rxbuf']

const parse = (text: string) => parseCommandLine(text, SYNTAX, OFFLOADS)
const parseOff = (text: string) => parse(`ip=off ${text}`)

function show(text: string): string {
  const { ip, ip6, dns } = parse(text).interfaces[0]!
  const one = (value: typeof ip) =>
    value.kind !== 'static'
      ? value.kind
      : `${formatIpAddress(value.address)}/${value.prefixLength}` +
        (value.gateway === null ? '' : ` via ${formatIpAddress(value.gateway)}`)
  return [one(ip), one(ip6), dns.map(formatIpAddress).join(' ')].join(' | ')
}

function refusal(text: string): string {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof CommandLineError) return error.message
    throw error
  }
  return 'accepted'
}

describe('env.NAME=value', () => {
  it('goes to the app as it is', () => {
    expect(parse('env.A=1 log=warn env.B_2=a=b env.C=').env).toEqual(
      new Map([
        ['A', '1'],
        ['B_2', 'a=b'],
        ['C', ''],
      ]),
    )
  })

  it.each([
    ['env.=1', /unknown key env\.; expected env\. and a name of letters, digits and _/],
    ['env.2A=1', /unknown key env\.2A/],
    ['env.A', /env\.A has no value; expected env\.A=VALUE/],
    ['env.A=1 env.A=2', /env\.A is given twice/],
  ])('%s is refused', (text, message) => {
    expect(refusal(text)).toMatch(message)
  })
})

describe('unhandled= and watchdog=', () => {
  it.each([
    ['', ['log', 30]],
    ['unhandled=log watchdog=off', ['log', null]],
    ['unhandled=exit watchdog=600', ['exit', 600]],
  ])('%j is %j', (text, expected) => {
    const { unhandled, watchdogSeconds } = parse(text)
    expect([unhandled, watchdogSeconds]).toEqual(expected)
  })

  it.each([
    ['unhandled=ignore', /unhandled=ignore is not understood; expected log or exit/],
    ['watchdog=0', /watchdog=0 is not understood; expected off, or seconds from 1 to 600/],
    ['watchdog=601', /seconds from 1 to 600/],
    ['watchdog=on', /seconds from 1 to 600/],
  ])('%s is refused', (text, message) => {
    expect(refusal(text)).toMatch(message)
  })
})

describe('ntp=', () => {
  it.each([
    ['', null],
    ['ntp=off', []],
    ['ntp=10.0.0.1', ['10.0.0.1']],
    ['ntp=time.example,fd00::1,10.0.0.1,ntp', ['time.example', 'fd00::1', '10.0.0.1', 'ntp']],
  ])('%s', (text, servers) => {
    expect(parse(text).ntp).toEqual(servers)
  })

  it.each([
    'ntp=',
    'ntp=a,',
    'ntp=a,b,c,d,e',
    'ntp=224.0.0.1',
    'ntp=10.0.0',
    'ntp=10.0.0.256',
    'ntp=fd00::1::2',
    'ntp=a b',
    'ntp=off,a',
    'ntp=a,off',
    'ntp=-',
  ])('%s is refused', (text) => {
    expect(() => parse(text)).toThrow(/up to 4 names or addresses|unknown key/)
  })
})

describe('log-format= and syslog=', () => {
  it.each([
    ['', ['text', null]],
    ['log-format=json syslog=udp://10.0.0.1', ['json', 'udp 10.0.0.1 514']],
    ['syslog=udp://10.0.0.1:5140', ['text', 'udp 10.0.0.1 5140']],
    ['syslog=tcp://[fd00::1]', ['text', 'tcp fd00::1 601']],
    ['syslog=tcp://[fd00::1]:7', ['text', 'tcp fd00::1 7']],
  ])('%j is %j', (text, expected) => {
    const { logFormat, syslog } = parse(text)
    const target = syslog === null ? null : `${syslog.protocol} ${syslog.hostname} ${syslog.port}`
    expect([logFormat, target]).toEqual(expected)
  })

  it.each([
    ['log-format=xml', /log-format=xml is not understood; expected text or json/],
    ['syslog=10.0.0.1', /expected udp:\/\/A\.B\.C\.D:PORT or tcp:/],
    ['syslog=udp://collector.example', /with an address/],
    ['syslog=udp://10.0.0.1:0', /with an address/],
    ['syslog=udp://10.0.0.1:65536', /with an address/],
    ['syslog=udp://[10.0.0.1]', /with an address/],
    ['syslog=udp://224.0.0.1', /with an address/],
  ])('%s is refused', (text, message) => {
    expect(refusal(text)).toMatch(message)
  })
})

describe('parseCommandLine', () => {
  it.each([
    ['', 'automatic | automatic | '],
    ['ip=dhcp ip6=slaac', 'automatic | automatic | '],
    ['dns=10.0.0.1', 'automatic | automatic | 10.0.0.1'],
    ['ip6=off', 'automatic | off | '],
    ['ip=off', 'off | automatic | '],
    ['ip=off ip6=off', 'off | off | '],
    ['  ip=off\t ip6=off \n', 'off | off | '],
    ['ip=10.9.0.2/24', '10.9.0.2/24 | automatic | '],
    ['gateway=10.9.0.1 ip=10.9.0.2/24', '10.9.0.2/24 via 10.9.0.1 | automatic | '],
    ['ip=10.9.0.2/1', '10.9.0.2/1 | automatic | '],
    ['ip=10.9.0.2/32', '10.9.0.2/32 | automatic | '],
    ['ip=192.0.2.2/32 gateway=192.0.2.1', '192.0.2.2/32 via 192.0.2.1 | automatic | '],
    ['ip=192.0.2.2/32 gateway=172.31.1.1', '192.0.2.2/32 via 172.31.1.1 | automatic | '],
    ['ip=off ip6=fd09::2/128 gateway6=fd0a::1', 'off | fd09::2/128 via fd0a::1 | '],
    ['ip=off ip6=fd09::2/128 gateway6=fe80::1', 'off | fd09::2/128 via fe80::1 | '],
    ['ip=169.254.1.1/16 ip6=fe80::5/64', '169.254.1.1/16 | fe80::5/64 | '],
    ['ip=off ip6=fd09::2/64 gateway6=fd09::1', 'off | fd09::2/64 via fd09::1 | '],
    ['ip=off ip6=fd09::2/64 gateway6=fe80::1', 'off | fd09::2/64 via fe80::1 | '],
    ['ip=off ip6=FD09:0:0:0:0:0:0:2/128', 'off | fd09::2/128 | '],
    ['ip=off dns=10.0.0.1', 'off | automatic | 10.0.0.1'],
    ['ip=off dns=10.0.0.1,fd09::53', 'off | automatic | 10.0.0.1 fd09::53'],
    ['ip=off virtio_mmio.device=512@0xfeb00e00:12', 'off | automatic | '],
  ])('accepts %s', (text, expected) => {
    expect(show(text)).toBe(expected)
  })

  it.each([
    ['ip6-secret=00', /32 to 128 hexadecimal digits/],
    [`ip6-secret=${'0'.repeat(33)}`, /32 to 128/],
    [`ip6-secret=${'x'.repeat(32)}`, /32 to 128/],
    ['gateway=10.0.0.1', /gateway needs a static address in ip=/],
    ['ip=dhcp gateway=10.0.0.1', /gateway needs a static address in ip=/],
    ['ip6=slaac gateway6=fe80::1', /gateway6 needs a static address in ip6=/],
    ['ip', /ip has no value/],
    ['ip=', /ip= is not understood; expected dhcp, off or A\.B\.C\.D\/N/],
    ['ip=on', /ip=on is not understood/],
    ['ip=OFF', /ip=OFF is not understood/],
    ['ip=10.9.0.2', /ip=10\.9\.0\.2 is not understood; expected .*A\.B\.C\.D\/N/],
    ['ip=10.9.0.2/', /is not understood/],
    ['ip=10.9.0.2/0', /N from 1 to 32/],
    ['ip=10.9.0.2/33', /is not understood/],
    ['ip=10.9.0.2/024', /is not understood/],
    ['ip=10.9.0.2/2e1', /is not understood/],
    ['ip=10.9.0.2/24/24', /is not understood/],
    ['ip=10.9.0.256/24', /is not understood/],
    ['ip=10.9.0/24', /is not understood/],
    ['ip=10.9.0.02/24', /is not understood/],
    ['ip=fd09::2/64', /ip=fd09::2\/64 is not understood/],
    ['ip=0.0.0.0/24', /host may own/],
    ['ip=127.0.0.1/8', /host may own/],
    ['ip=224.0.0.1/24', /host may own/],
    ['ip=255.255.255.255/32', /host may own/],
    ['ip=off gateway=10.9.0.1', /gateway needs a static address in ip=/],
    ['ip=10.9.0.2/24 gateway=', /gateway= is not understood; expected A\.B\.C\.D/],
    ['ip=10.9.0.2/24 gateway=10.9.0.1/24', /gateway=10\.9\.0\.1\/24 is not understood/],
    ['ip=10.9.0.2/24 gateway=10.9.1.1', /gateway=10\.9\.1\.1 .* own prefix, \/24, or .* \/32 if /],
    ['ip=10.9.0.2/31 gateway=10.9.1.1', /gateway=10\.9\.1\.1 .* own prefix, \/31/],
    ['ip=192.0.2.2/32 gateway=192.0.2.2', /gateway=192\.0\.2\.2 .*other than the own/],
    ['ip=192.0.2.2/32 gateway=224.0.0.1', /gateway=224\.0\.0\.1 is not understood/],
    ['ip=192.0.2.2/32 gateway=127.0.0.1', /gateway=127\.0\.0\.1 is not understood/],
    ['ip=off ip6=fd09::2/128 gateway6=ff02::2', /gateway6=ff02::2 is not understood/],
    ['ip=off ip6=fd09::2/127 gateway6=fd0a::1', /gateway6=fd0a::1 .* own prefix, \/127/],
    ['ip=10.9.0.2/24 gateway=10.9.0.2', /gateway=10\.9\.0\.2 .*other than the own/],
    ['ip=off ip6=fd09::2', /ip6=fd09::2 is not understood; expected slaac, off or X::Y\/N/],
    ['ip=off ip6=fd09::2/129', /N from 1 to 128/],
    ['ip=off ip6=fd09:::2/64', /is not understood/],
    ['ip=off ip6=fe80::1%eth0/64', /is not understood/],
    ['ip=off ip6=ff02::1/64', /host may own/],
    ['ip=off ip6=::/64', /host may own/],
    ['ip=off ip6=::1/128', /host may own/],
    ['ip=off ip6=10.9.0.2/24', /is not understood/],
    ['ip=off gateway6=fd09::1', /gateway6 needs a static address in ip6=/],
    ['ip=off ip6=off gateway6=fd09::1', /gateway6 needs a static address/],
    [
      'ip=off ip6=fd09::2/64 gateway6=fd0a::1',
      /gateway6=fd0a::1 .* own prefix, \/64, or .* \/128 if /,
    ],
    ['ip=off dns=', /dns= is not understood/],
    ['ip=off dns=10.0.0.1,', /dns=10\.0\.0\.1, is not understood/],
    ['ip=off search=', /search= is not understood; expected domains separated by commas/],
    ['ip=off search=a..b', /search=a\.\.b is not understood/],
    ['ip=off search=lan,', /search=lan, is not understood/],
    ['ip=off dns=example.com', /dns=example\.com is not understood/],
    ['ip=off offload=', /offload= is not understood; expected all, none or a list of csum,tso4/],
    ['ip=off offload=csum,tso5', /offload=csum,tso5 is not understood/],
    ['ip=off offload=csum,none', /is not understood/],
    ['ip=off offload=CSUM', /is not understood/],
    ['ip=off log=verbose', /log=verbose .* expected error, warn, info, debug, trace/],
    ['ip=off log=', /log= is not understood/],
    ['ip=off services=', /services= .* expected a list of echo,discard,chargen,http,iperf3/],
    ['ip=off services=telnet', /services=telnet is not understood/],
    ['ip=off services=echo,,http', /is not understood/],
    ['ip=off exit-after=boot', /exit-after=boot .* expected ready/],
    ['ip=off exit-after', /exit-after has no value/],
    ['ip=off grace=soon', /grace=soon .* expected seconds from 0 to 3600/],
    ['ip=off grace=-1', /grace=-1 /],
    ['ip=off grace=1.5', /grace=1\.5 /],
    ['ip=off grace=3601', /grace=3601 /],
    ['ip=off poll=always', /poll=always .* expected on or off/],
    ['ip=off interrupt-delay=0', /interrupt-delay=0 .* expected microseconds from 1 to 10000/],
    ['ip=off interrupt-delay=10001', /interrupt-delay=10001 /],
    ['ip=off queues=0', /queues=0 .* expected pairs of queues from 1 to 8/],
    ['ip=off queues=9', /queues=9 /],
    ['ip=off root=/dev/sda', /unknown key root; expected one of ip, gateway, ip6/],
    ['ip=off quiet', /unknown key quiet/],
    ['ip=off =x', /unknown key/],
    ['ip=off IP=off', /unknown key IP/],
    ['ip=off ip=off', /ip is given twice/],
    ['ip=off log=info log=info', /log is given twice/],
    ['ip=off __proto__=1', /unknown key __proto__/],
    ['ip=off \u0007bell=1', /unknown key \\u0007bell/],
  ])('refuses %j', (text, expected) => {
    expect(refusal(text)).toMatch(expected)
  })

  it('says everything on one line of bearable length, whatever was given', () => {
    for (const text of [`ip=${'9'.repeat(5000)}`, `${'k'.repeat(5000)}=1`, 'ip=off dns=a\u2028b']) {
      expect(refusal(text)).toMatch(/^[\x20-\x7e]{20,270}$/)
    }
  })

  it('has defaults for all but addresses', () => {
    expect(parseOff('')).toMatchObject({
      offload: 'all',
      log: 'info',
      services: null,
      exitAfterReady: false,
      graceMs: 10_000,
      polls: true,
      namedInterfaces: [],
      isWeakHost: false,
      mmioDevices: [],
      interruptDelayUs: null,
      queuePairs: null,
    })
  })

  it('reads the words of further interfaces by their number, and takes what is not said as of the first', () => {
    const { interfaces, namedInterfaces } = parse(
      'ip=10.0.0.2/24 dns=10.0.0.1 ip.2=10.2.0.2/24 gateway.2=10.2.0.1 ip6.2=off search.1=b.example',
    )
    expect(interfaces).toHaveLength(MAX_NETWORK_INTERFACES)
    expect(namedInterfaces).toEqual([1, 2])
    expect(interfaces[0]).toMatchObject({ ip: { kind: 'static' }, ip6: { kind: 'automatic' } })
    expect(interfaces[1]).toMatchObject({ ip: { kind: 'automatic' }, search: ['b.example'] })
    expect(interfaces[1]!.dns).toEqual([])
    expect(interfaces[2]).toMatchObject({ ip: { prefixLength: 24 }, ip6: { kind: 'off' } })
  })

  it.each([
    ['ip.0=off', /ip\.0 names no interface; expected ip for the first, ip\.1 to ip\.7/],
    ['ip.8=off', /ip\.8 names no interface/],
    ['dns.01=10.0.0.1', /dns\.01 names no interface/],
    ['gateway6.x=fe80::1', /gateway6\.x names no interface/],
    ['gateway.1=10.0.0.1', /gateway\.1 needs a static address in ip\.1=/],
    ['ip.1=10.0.0.0/24', /ip\.1=10\.0\.0\.0\/24 is not understood/],
    ['ip.1=off ip.1=off', /ip\.1 is given twice/],
    ['log.1=debug', /unknown key log\.1/],
    ['weak-host=yes', /weak-host=yes is not understood; expected on or off/],
  ])('refuses %j', (text, expected) => {
    expect(refusal(text)).toMatch(expected)
  })

  it('reads the other keys', () => {
    expect(parse('weak-host=on').isWeakHost).toBe(true)
    expect(parse('ntp=fe80::1%1').ntp).toEqual(['fe80::1%1'])
    expect(parse('syslog=tcp://[fe80::1%1]:601').syslog?.hostname).toBe('fe80::1%1')
    expect(refusal('syslog=tcp://[fe80::1%x]:601')).toMatch(/syslog=/)
    expect(
      parseOff('offload=csum,tso4,csum log=trace services=http,echo,iperf3 exit-after=ready'),
    ).toMatchObject({
      offload: ['csum', 'tso4'],
      log: 'trace',
      services: ['http', 'echo', 'iperf3'],
      exitAfterReady: true,
    })
    expect(parseOff('search=lab.example.,lan').interfaces[0]!.search).toEqual([
      'lab.example',
      'lan',
    ])
    expect(parseOff('grace=0').graceMs).toBe(0)
    expect(parseOff('interrupt-delay=50').interruptDelayUs).toBe(50)
    expect(parseOff('queues=8').queuePairs).toBe(8)
    expect(parseOff('grace=90').graceMs).toBe(90_000)
    expect(parseOff('poll=off').polls).toBe(false)
    expect(parseOff('poll=on').polls).toBe(true)
    expect(parseOff('offload=none').offload).toBe('none')
    expect(parseOff('offload=all').offload).toBe('all')
  })
})
