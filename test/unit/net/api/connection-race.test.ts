/**
 * Connecting to names: both families, head starts, losers and errors, with scripted connections in
 * virtual time (RFC 8305).
 */
import { describe, expect, it } from 'vitest'
import { ConnectionRace, MAX_ATTEMPTS } from '../../../../net/api/connection-race.ts'
import { orderDestinations, takeNext } from '../../../../net/api/destination-order.ts'
import { NetError } from '../../../../net/api/net-error.ts'
import { AddressState, AddressTable } from '../../../../net/iface/address-table.ts'
import { ORDINARY_FIELDS, withHopLimit } from '../../../../net/iface/flow-fields.ts'
import { Alarms } from '../../../../net/socket/alarms.ts'
import type { TcpConnectOptions } from '../../../../net/socket/tcp/open/connect-options.ts'
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import type { IpAddress } from '../../../../net/wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../../../../net/wire/ip-address-text.ts'

const address = (text: string): IpAddress => parseIpAddress(text)!
const FIELDS = withHopLimit(ORDINARY_FIELDS, 7)

/** What connections do: after so many ms they stand or fail; others never answer. */
type Script = Readonly<
  Record<string, { afterMs: number; code?: 'refused' | 'reset' } | 'unreachable'>
>

class RaceLab {
  nowMs = 1000
  nextMs = Number.POSITIVE_INFINITY
  readonly alarms = new Alarms((nextMs) => {
    this.nextMs = nextMs
  })
  readonly addresses = new AddressTable()
  /** "0 2001:db8::1": when each attempt began. */
  readonly begun: string[] = []
  readonly aborted: string[] = []
  readonly race: ConnectionRace
  winner: TcpSocket | NetError | null = null
  private readonly script: Script
  /** What is scripted for one millisecond happens in the order of the script. */
  private scripted = 0

  constructor(script: Script = {}) {
    this.script = script
    for (const own of ['10.0.0.2/24', '2001:db8::2/64', 'fd00::2/64']) {
      this.addresses.add(parseCidr(own)!, 'static', AddressState.Preferred)
    }
    this.race = new ConnectionRace(this, 'example.com', 80, FIELDS, (winner) => {
      if (this.winner !== null) throw new Error('the race ended twice')
      this.winner = winner
    })
  }

  connectSocket({ address: to, ipFields, handler }: TcpConnectOptions): TcpSocket {
    // Of each attempt, as the caller wants them.
    expect(ipFields).toBe(FIELDS)
    const text = formatIpAddress(to)
    const fate = this.script[text]
    this.begun.push(`${Math.floor(this.nowMs - 1000)} ${text}`)
    if (fate === 'unreachable') throw new NetError('unreachable', 'no route')
    const socket = {
      remoteAddress: to,
      handler,
      abort: () => {
        if (socket.handler !== null) throw new Error('aborted while somebody listens')
        this.aborted.push(text)
      },
    } as unknown as TcpSocket
    if (fate !== undefined) {
      this.alarms.set(this.nowMs + fate.afterMs, () => {
        if (fate.code === undefined) socket.handler?.onEstablished?.(socket)
        else socket.handler?.onClose(socket, new NetError(fate.code, 'as scripted'))
      })
    }
    return socket
  }

  /** Addresses of a lookup arrive `atMs` after the start. */
  arrive(atMs: number, ...texts: string[]): void {
    this.alarms.set(this.after(atMs), () => this.race.onAddresses(texts.map(address)))
  }

  resolved(atMs: number, error: NetError | null = null): void {
    this.alarms.set(this.after(atMs), () => this.race.onResolved(error))
  }

  private after(atMs: number): number {
    return 1000 + atMs + ++this.scripted / 1000
  }

  /**
   * Lets all happen that is to happen; returns the address of the winner, or the error's message.
   */
  run(): string | null {
    for (let turn = 0; this.nextMs < Number.POSITIVE_INFINITY; turn++) {
      if (turn === 1000) throw new Error('Cannot end: alarms without end')
      this.nowMs = Math.max(this.nowMs, this.nextMs)
      this.alarms.processTimers(this.nowMs)
    }
    const { winner } = this
    if (winner === null || winner instanceof NetError) return winner?.message ?? null
    return formatIpAddress(winner.remoteAddress)
  }
}

const V6 = '2001:db8:1::1'
const V6_SECOND = '2001:db8:2::1'
const V4 = '192.0.2.1'
const V4_SECOND = '192.0.2.2'

describe('happy eyeballs', () => {
  it('IPv6 that comes first is tried at once, without waiting for IPv4 (RFC 8305 §3)', () => {
    const lab = new RaceLab({ [V6]: { afterMs: 30 } })
    lab.arrive(10, V6)
    lab.arrive(12, V4)
    lab.resolved(12)
    expect(lab.run()).toBe(V6)
    expect(lab.begun).toEqual([`10 ${V6}`])
  })

  it('IPv4 that comes first waits 50 ms for IPv6', () => {
    const lab = new RaceLab({ [V4]: { afterMs: 30 } })
    lab.arrive(10, V4)
    lab.arrive(59, V6)
    lab.resolved(59)
    expect(lab.run()).toBe(V4)
    expect(lab.begun).toEqual([`59 ${V6}`, `309 ${V4}`])
    expect(lab.aborted).toEqual([V6])
  })

  it('and not longer: IPv6 that comes later is tried next', () => {
    const lab = new RaceLab({ [V6]: { afterMs: 1 } })
    lab.arrive(10, V4)
    lab.arrive(100, V6)
    lab.resolved(100)
    expect(lab.run()).toBe(V6)
    expect(lab.begun).toEqual([`60 ${V4}`, `310 ${V6}`])
    expect(lab.aborted).toEqual([V4])
  })

  it('IPv4 begins at once when there is no IPv6', () => {
    const lab = new RaceLab({ [V4]: { afterMs: 1 } })
    lab.arrive(10, V4)
    lab.resolved(20)
    expect(lab.run()).toBe(V4)
    expect(lab.begun).toEqual([`20 ${V4}`])
  })

  it('families take turns, a quarter of a second apart (§4, §5), and all but the first to answer are given up', () => {
    const lab = new RaceLab({ [V4_SECOND]: { afterMs: 10 } })
    lab.arrive(0, V6, V6_SECOND)
    lab.arrive(0, V4, V4_SECOND)
    lab.resolved(0)
    expect(lab.run()).toBe(V4_SECOND)
    expect(lab.begun).toEqual([`0 ${V6}`, `250 ${V4}`, `500 ${V6_SECOND}`, `750 ${V4_SECOND}`])
    expect(lab.aborted).toEqual([V6, V4, V6_SECOND])
    expect(lab.alarms.size).toBe(0)
  })

  it('one that fails makes room for the next at once (§5)', () => {
    const lab = new RaceLab({ [V6]: { afterMs: 5, code: 'refused' }, [V4]: { afterMs: 5 } })
    lab.arrive(0, V6)
    lab.arrive(0, V4)
    lab.resolved(0)
    expect(lab.run()).toBe(V4)
    expect(lab.begun).toEqual([`0 ${V6}`, `5 ${V4}`])
  })

  it('one that cannot even begin costs no time', () => {
    const lab = new RaceLab({ [V6]: 'unreachable', [V4]: { afterMs: 5 } })
    lab.arrive(0, V6)
    lab.arrive(3, V4)
    lab.resolved(3)
    expect(lab.run()).toBe(V4)
    expect(lab.begun).toEqual([`0 ${V6}`, `3 ${V4}`])
  })

  it('the second of two that answer in one turn is given up, not leaked', () => {
    const lab = new RaceLab({ [V6]: { afterMs: 300 }, [V4]: { afterMs: 50 } })
    lab.arrive(0, V6)
    lab.arrive(0, V4)
    lab.resolved(0)
    expect(lab.run()).toBe(V6)
    expect(lab.aborted).toEqual([V4])
  })

  it('no address is tried twice, and no more than sixteen are', () => {
    const lab = new RaceLab()
    const all = Array.from({ length: 40 }, (_, index) => `192.0.2.${index + 1}`)
    lab.arrive(0, V6, V6)
    lab.arrive(0, ...all, ...all)
    lab.resolved(0)
    expect(lab.run()).toBeNull()
    expect(lab.begun).toHaveLength(MAX_ATTEMPTS)
    expect(new Set(lab.begun.map((line) => line.split(' ')[1])).size).toBe(MAX_ATTEMPTS)
  })

  it('given up, it leaves nothing and tells nobody', () => {
    const lab = new RaceLab({ [V4]: { afterMs: 500 } })
    lab.arrive(0, V6)
    lab.arrive(0, V4)
    lab.alarms.set(1300, () => lab.race.cancel())
    lab.arrive(400, V6_SECOND)
    lab.resolved(400)
    expect(lab.run()).toBeNull()
    expect(lab.aborted).toEqual([V6, V4])
    expect(lab.begun).toHaveLength(2)
  })
})

describe('a race that nobody wins', () => {
  it('says in one line what became of each address, with the code of the preferred one', () => {
    const lab = new RaceLab({
      [V6]: { afterMs: 600, code: 'refused' },
      [V4]: { afterMs: 10, code: 'reset' },
      [V6_SECOND]: 'unreachable',
    })
    lab.arrive(0, V6, V6_SECOND)
    lab.arrive(0, V4)
    lab.resolved(0)
    expect(lab.run()).toBe(
      `Cannot connect to example.com port 80: ${V4} reset, ${V6_SECOND} is unreachable, ${V6} refused`,
    )
    expect(lab.winner).toMatchObject({ code: 'refused' })
  })

  it('waits for addresses that are still to come', () => {
    const lab = new RaceLab({ [V6]: { afterMs: 10, code: 'refused' }, [V4]: { afterMs: 10 } })
    lab.arrive(0, V6)
    lab.arrive(900, V4)
    lab.resolved(900)
    expect(lab.run()).toBe(V4)
  })

  it('that had no address ends as the lookup did', () => {
    const lab = new RaceLab()
    const error = new NetError(
      'name-unresolved',
      'Cannot resolve "example.com": 10.0.0.1 does not answer',
    )
    lab.resolved(5, error)
    lab.run()
    expect(lab.winner).toBe(error)
  })
})

describe('destinations (RFC 6724 §6)', () => {
  const ordered = (own: string[], ...texts: string[]) => {
    const table = new AddressTable()
    for (const cidr of own) table.add(parseCidr(cidr)!, 'static', AddressState.Preferred)
    return orderDestinations(texts.map(address), table).map(formatIpAddress)
  }
  const OWN = ['10.0.0.2/24', '2001:db8::2/64', 'fd00::2/64', 'fe80::2/64']

  it('that nothing can be sent to come last (rule 1)', () => {
    expect(ordered(['10.0.0.2/24', 'fe80::2/64'], V6, V4)).toEqual([V4, V6])
    expect(ordered(['2001:db8::2/64'], V4, V6)).toEqual([V6, V4])
  })

  it('follow the policy table: IPv6, IPv4, 6to4, Teredo, unique local (rule 6)', () => {
    const texts = ['fd00::9', '2001::9', '2002::9', V4, V6]
    expect(ordered(OWN, ...texts)).toEqual([V6, V4, '2002::9', '2001::9', 'fd00::9'])
  })

  it('prefer the smaller scope (rule 8) and the longer common prefix (rule 9), else stay as given (rule 10)', () => {
    expect(ordered(OWN, V6, 'fe80::9')).toEqual(['fe80::9', V6])
    expect(ordered(OWN, '2001:dbf::1', '2001:db8:0:1::1')).toEqual([
      '2001:db8:0:1::1',
      '2001:dbf::1',
    ])
    expect(ordered(OWN, V4_SECOND, V4)).toEqual([V4_SECOND, V4])
  })

  it('alternate between families as long as there are two', () => {
    const left = [V6, V6_SECOND, V4, '2001:db8:3::1'].map(address)
    const taken: string[] = []
    for (let last: IpAddress | null = null; ; ) {
      last = takeNext(left, last)
      if (last === null) break
      taken.push(formatIpAddress(last))
    }
    expect(taken).toEqual([V6, V4, V6_SECOND, '2001:db8:3::1'])
  })
})
