/** Options of make run: taken from make, the environment and the arguments; every bad one named. */
import { describe, expect, it } from 'vitest'
import { parseRunOptions, refuseUnknownMakeVariables } from '../options.ts'

describe('parseRunOptions', () => {
  it('has defaults that need nothing said', () => {
    expect(parseRunOptions([], {})).toEqual({
      app: undefined,
      network: 'auto',
      accelerator: 'auto',
      machine: 'q35',
      queuePairs: 1,
      pcap: undefined,
      restarts: false,
      environmentFile: undefined,
      files: [],
      port: 0,
      guest: {},
    })
  })

  it('takes make’s variables, and an empty one as not given', () => {
    const options = parseRunOptions([], {
      NET: 'user',
      MACHINE: '',
      OFFLOAD: 'csum,tso4',
      PORT: '8080',
    })
    expect(options).toMatchObject({ network: 'user', machine: 'q35', port: 8080 })
    expect(options.guest).toEqual({ offload: 'csum,tso4' })
  })

  it('lets arguments win over the environment and passes the guest’s own keys on', () => {
    const options = parseRunOptions(['NET=tap', 'log=debug', 'ip6=off'], { NET: 'user' })
    expect(options.network).toBe('tap')
    expect(options.guest).toEqual({ log: 'debug', ip6: 'off' })
  })

  it.each([
    [['NET=wifi'], {}, 'Cannot use NET=wifi: it may be auto, tap, user'],
    [['ACCEL=warp'], {}, 'ACCEL=warp'],
    [['MACHINE=pdp11'], {}, 'MACHINE=pdp11'],
    [['QUEUES=0'], {}, 'Cannot use QUEUES=0: the guest uses 1 to 8 pairs of queues'],
    [['QUEUES=9'], {}, 'Cannot use QUEUES=9: the guest uses 1 to 8 pairs of queues'],
    [['QUEUES=many'], {}, 'Cannot use QUEUES=many: '],
    [['QUEUES=2', 'NET=user'], {}, 'with NET=user: user-mode networking has one pair of queues'],
    [['PORT=99999'], {}, 'PORT=99999'],
    [['PORT=http'], {}, 'PORT=http'],
    [['PCAP=out.pcap'], {}, 'Cannot use PCAP=out.pcap: the old format'],
    [['frobnicate=1'], {}, 'Cannot use "frobnicate=1": known are APP, NET'],
    [['verbose'], {}, 'Cannot use "verbose": it is not KEY=value'],
    [[], { APPEND: 'exit-after=ready' }, 'Cannot use "exit-after=ready"'],
    [['log='], {}, 'Cannot use "log="'],
    [[], { MAKEFLAGS: 's -- NETT=tap' }, 'Cannot use NETT=: make run has no such option'],
  ])('refuses %j with %j', (words, environment, message) => {
    expect(() => parseRunOptions(words, environment)).toThrow(message)
  })

  it('tells the guest of as many pairs of queues as there are, unless the person has said it', () => {
    const asked = parseRunOptions([], { QUEUES: '6' })
    expect(asked).toMatchObject({ queuePairs: 6, network: 'auto', guest: { queues: '6' } })
    expect(parseRunOptions(['queues=2'], { QUEUES: '6' }).guest).toEqual({ queues: '2' })
    expect(parseRunOptions(['QUEUES=1', 'NET=user'], {})).toMatchObject({
      queuePairs: 1,
      guest: {},
    })
  })

  it('takes words of each interface, and names the command that has no such option', () => {
    expect(parseRunOptions(['ip.1=off', 'dns.7=10.0.0.1'], {}).guest).toEqual({
      ...{ 'ip.1': 'off', 'dns.7': '10.0.0.1' },
    })
    const environment = { MAKEFLAGS: ' -- COLOR=red' }
    expect(() => parseRunOptions([], environment, 'dev')).toThrow('make dev has no such option')
  })

  it('does not take make’s own flags for options', () => {
    const options = parseRunOptions([], {
      MAKEFLAGS: 'sk -j2 --jobserver-auth=3,4 -- NET=user',
      NET: 'user',
    })
    expect(options.network).toBe('user')
  })

  it('takes no word of a value with spaces for an option', () => {
    const APPEND = 'log-format=json watchdog=3'
    const options = parseRunOptions([], {
      MAKEFLAGS: ` -- ENV=a\\ b=c APPEND=${APPEND.replace(' ', '\\ ')}`,
      APPEND,
    })
    expect(options.guest).toEqual({ 'log-format': 'json', watchdog: '3' })
  })

  it('leaves no word of them to the programs that it starts, which know other options', () => {
    const environment: Record<string, string> = { MAKEFLAGS: ' -- CASE=instructions', CASE: 'x' }
    refuseUnknownMakeVariables(environment, ['CASE'], 'bench')
    expect(environment).toEqual({ CASE: 'x' })
  })
})
