/**
 * Names to addresses in virtual time: which servers are asked when, over what, and what is kept.
 */
import { describe, expect, it } from 'vitest'
import { MAX_CACHED_ANSWERS } from '../../../../../net/socket/dns/name-cache.ts'
import { MAX_ADDRESSES } from '../../../../../net/socket/dns/outcome.ts'
import {
  MAX_OUTSTANDING_QUESTIONS,
  MAX_WAITING_QUESTIONS,
  SERVER_WAIT_MS,
} from '../../../../../net/socket/dns/resolver.ts'
import { DnsLab, type ServedQuery } from '../../../../support/dns-lab.ts'
import {
  A,
  AAAA,
  a,
  aaaa,
  cname,
  encodeName,
  NS,
  RESPONSE,
  response,
  soa,
  TRUNCATED,
} from '../../../../support/dns-messages.ts'

const FIRST = '10.0.0.2'
const SECOND = '10.0.0.3'
const NAME = 'www.example.com'
const V4 = '192.0.2.7'
const V6 = '2001:db8::7'
const GONE = { status: 3, authorities: [soa('example.com', 60)] }

/** A and AAAA of NAME; other names do not exist. */
function honest({ name, type }: ServedQuery) {
  if (name !== NAME) return GONE
  return { answers: [type === A ? a(name, V4) : aaaa(name, V6)] }
}

const silent = () => null

function labWith(...answers: Parameters<DnsLab['serve']>[1][]): DnsLab {
  const lab = new DnsLab()
  const servers = [FIRST, SECOND, '10.0.0.4'].slice(0, answers.length)
  for (const [index, server] of servers.entries()) lab.serve(server, answers[index]!)
  lab.useServers(servers)
  return lab
}

describe('a name', () => {
  it('has the addresses of both families, the preferred one first (RFC 6724 §6)', async () => {
    const lab = labWith(honest)
    expect(await lab.resolve(NAME)).toEqual([V6, V4])
    expect(lab.asked().sort()).toEqual([`${FIRST} A ${NAME}`, `${FIRST} AAAA ${NAME}`])
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    // RFC 8305 §3, once the server's hardware address is known.
    lab.queries.length = 0
    await lab.resolve('other.example.com').catch(() => {})
    expect(lab.queries.map(({ type }) => type)).toEqual([AAAA, A])
  })

  it('is asked for in lower case with recursion desired, whatever its case and final dot', async () => {
    const lab = labWith(honest)
    expect(await lab.resolve('WWW.Example.COM.', 4)).toEqual([V4])
    expect(lab.queries.map(({ name, flags }) => [name, flags])).toEqual([[NAME, 0x0100]])
  })

  it('is asked for from another port with another id each time (RFC 5452 §9.2)', async () => {
    const lab = labWith(({ name }) => ({ answers: [a(name, V4, 0)] }))
    for (let index = 0; index < 50; index++) await lab.resolve(NAME, 4)
    expect(new Set(lab.queries.map(({ port }) => port)).size).toBeGreaterThan(45)
    expect(new Set(lab.queries.map(({ id }) => id)).size).toBeGreaterThan(45)
  })

  it('that many want at once is asked for once', async () => {
    const lab = labWith(honest)
    const wanted = Array.from({ length: 100 }, () => lab.stacks.left.resolve(NAME))
    for (const addresses of await lab.run(Promise.all(wanted))) expect(addresses).toEqual([V6, V4])
    expect(lab.queries).toHaveLength(2)
  })

  it('with more addresses than anybody tries has sixteen', async () => {
    const lab = labWith(({ name }) => ({
      answers: Array.from({ length: 40 }, (_, index) => a(name, `192.0.2.${index}`)),
    }))
    expect(await lab.resolve(NAME, 4)).toHaveLength(MAX_ADDRESSES)
    expect(lab.statistics.excessive).toBe(1)
  })

  it.each([
    ['localhost', ['::1', '127.0.0.1']],
    ['db.localhost.', ['::1', '127.0.0.1']],
    ['10.0.0.9', ['10.0.0.9']],
    ['FD00::0:9', ['fd00::9']],
  ])('%s is answered here (RFC 6761 §6.3)', async (name, addresses) => {
    const lab = labWith(honest)
    expect(await lab.resolve(name)).toEqual(addresses)
    expect(lab.queries).toEqual([])
  })

  it.each(['a.invalid', 'abc.onion', '10.0.0.256', '1.2', 'a..b', 'a b', '', '.', 'x'.repeat(64)])(
    '"%s" is nobody’s, and no server hears of it',
    async (name) => {
      const lab = labWith(honest)
      await expect(lab.resolve(name)).rejects.toMatchObject({
        name: 'NetError',
        code: 'name-not-found',
      })
      expect(lab.queries).toEqual([])
    },
  )

  it('beyond ASCII is refused with advice', async () => {
    await expect(labWith(honest).resolve('bücher.example')).rejects.toThrow(
      'Cannot resolve "bücher.example": neither an address nor a host name; names beyond ASCII have a form that begins with xn--',
    )
  })

  it('without a server is refused with advice', async () => {
    await expect(new DnsLab().resolve(NAME)).rejects.toMatchObject({
      code: 'name-unresolved',
      message: `Cannot resolve "${NAME}": no name server is known; give one, such as dns=10.0.2.3`,
    })
  })
})

describe('where the network configures the guest', () => {
  const configured = () => {
    const lab = new DnsLab()
    lab.serve(FIRST, honest)
    lab.stacks.left.configure({ dhcp: true, identifierOf: null }, lab.clock.nowMs)
    return lab
  }

  it('a lookup waits for the first server', async () => {
    const lab = configured()
    lab.clock.at(lab.clock.nowMs + SERVER_WAIT_MS - 100, () => lab.useServers([FIRST]))
    expect(await lab.resolve(NAME)).toEqual([V6, V4])
    expect(lab.queries).toHaveLength(2)
  })

  it('and goes on waiting when a search domain comes before it', async () => {
    const lab = configured()
    const { nowMs } = lab.clock
    lab.clock.at(nowMs + 100, () => lab.useServers([], ['example.com']))
    lab.clock.at(nowMs + 200, () => lab.useServers([FIRST], ['example.com']))
    expect(await lab.resolve('www')).toEqual([V6, V4])
  })

  it('1024 of them do, and what comes beyond fails at once', async () => {
    const lab = configured()
    const names = Array.from({ length: MAX_WAITING_QUESTIONS }, (_, index) => `n${index}.example`)
    const waiting = names.map((name) => lab.stacks.left.resolve(name, { family: 4 }))
    const all = Promise.allSettled(waiting)
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-unresolved' })
    expect(lab.statistics.refused).toBe(1)
    lab.useServers([FIRST])
    await lab.run(all)
    expect(lab.queries).toHaveLength(MAX_WAITING_QUESTIONS)
  })

  it('but not for long', async () => {
    const lab = configured()
    const startMs = lab.clock.nowMs
    await expect(lab.resolve(NAME)).rejects.toThrow('no name server is known')
    expect(lab.clock.nowMs - startMs).toBe(SERVER_WAIT_MS)
    lab.useServers([FIRST])
    lab.stacks.runFor(1_000)
    expect(lab.queries).toEqual([])
  })
})

describe('an alias', () => {
  const chain = (length: number) =>
    Array.from({ length }, (_, index) =>
      cname(index === 0 ? NAME : `c${index}.net`, `c${index + 1}.net`, 100 - index),
    )

  it('is followed within a response, up to eight of them, and beyond as a new question', async () => {
    const lab = labWith(({ name, type }) => {
      if (name === NAME) return { answers: [...chain(8), a('c8.net', V4, 500)] }
      return type === A ? GONE : { authorities: [soa('', 5)] }
    })
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    const halves = labWith(({ name }) =>
      name === NAME ? { answers: [cname(NAME, 'cdn.net')] } : { answers: [a('cdn.net', V4)] },
    )
    expect(await halves.resolve(NAME, 4)).toEqual([V4])
    expect(halves.asked()).toEqual([`${FIRST} A ${NAME}`, `${FIRST} A cdn.net`])
  })

  it.each([
    ['nine of them', () => ({ answers: [...chain(9), a('c9.net', V4)] })],
    ['fifty', () => ({ answers: chain(50) })],
    ['one that stands for itself', () => ({ answers: [cname(NAME, NAME)] })],
    [
      'two that stand for each other',
      () => ({ answers: [cname(NAME, 'b.net'), cname('b.net', NAME)] }),
    ],
    [
      'a new one in each response',
      ({ name }: ServedQuery) => ({ answers: [cname(name, `x${name}`)] }),
    ],
    [
      'a loop over responses',
      ({ name }: ServedQuery) => ({ answers: [cname(name, name === NAME ? 'b.net' : NAME)] }),
    ],
  ])('113 in a loop or chain without end is given up: %s', async (_what, answer) => {
    const lab = labWith(answer)
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-unresolved' })
    expect(lab.queries.length).toBeLessThan(10)
    expect(lab.statistics.excessive).toBe(1)
  })

  it('to a name that is no host name leads nowhere', async () => {
    const lab = labWith(() => ({ answers: [cname(NAME, 'a b')] }))
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-not-found' })
  })

  it('without an address of the family is the end (RFC 6604 §2)', async () => {
    const lab = labWith(({ type }) => ({
      answers: [cname(NAME, 'cdn.net'), ...(type === A ? [a('cdn.net', V4)] : [])],
      authorities: type === A ? [] : [soa('net', 60)],
    }))
    expect(await lab.resolve(NAME)).toEqual([V4])
    expect(lab.queries).toHaveLength(2)
  })
})

describe('servers', () => {
  it('that are silent are asked twice for two seconds each, then the error says so', async () => {
    const lab = labWith(silent, silent)
    const startMs = lab.clock.nowMs
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({
      code: 'name-unresolved',
      message: `Cannot resolve "${NAME}": ${FIRST} does not answer, ${SECOND} does not answer`,
    })
    expect(lab.clock.nowMs - startMs).toBe(8_000)
    expect(lab.queries.map(({ server }) => server)).toEqual([FIRST, SECOND, FIRST, SECOND])
    // What drops EDNS on the way is got around.
    expect(lab.queries.map(({ ednsPayload }) => ednsPayload)).toEqual([1232, 1232, 0, 0])
    expect(lab.statistics).toMatchObject({ timeouts: 4, lookupsFailed: 1, outstanding: 0 })
  })

  it('after a silent one are asked, and first from then on for a minute', async () => {
    const lab = labWith(silent, ({ name }) => ({ answers: [a(name, V4, 1)] }))
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    lab.stacks.runFor(2_000)
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    lab.stacks.runFor(60_000)
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.queries.map(({ server }) => server)).toEqual([FIRST, SECOND, SECOND, FIRST, SECOND])
  })

  it('that are late are believed, as long as the question stands', async () => {
    let late: ServedQuery | null = null
    const lab = labWith((query) => {
      late ??= query
      return null
    })
    const resolving = lab.stacks.left.resolve(NAME, { family: 4 })
    lab.stacks.runFor(3_000)
    const { id, port } = late!
    lab.inject(
      FIRST,
      port,
      response({ id, questions: [{ name: NAME, type: A }], answers: [a(NAME, V4)] }),
    )
    expect(await lab.run(resolving)).toEqual([V4])
    expect(lab.queries).toHaveLength(2)
  })

  it('116 that answer after the end change nothing', async () => {
    const lab = labWith(silent)
    await expect(lab.resolve(NAME, 4)).rejects.toThrow('does not answer')
    for (const { id, port } of [...lab.queries]) {
      lab.inject(
        FIRST,
        port,
        response({ id, questions: [{ name: NAME, type: A }], answers: [a(NAME, V4)] }),
      )
    }
    lab.stacks.runFor(1_000)
    expect(lab.statistics).toMatchObject({ responses: 0, cached: 0 })
    expect(lab.stacks.left.udp.statistics.drops.noSocket).toBe(2)
  })

  it.each([
    ['SERVFAIL', { status: 2 }],
    ['NOTIMP', { status: 4 }],
    ['REFUSED', { status: 5 }],
    ['with status 9', { status: 9 }],
    [
      'no clients',
      {
        flags: RESPONSE & ~0x80,
        authorities: [{ name: 'com', type: NS, data: encodeName('a.net') }],
      },
    ],
  ])('that answer %s are left for the next at once', async (text, answer) => {
    const lab = labWith(() => answer, honest)
    const startMs = lab.clock.nowMs
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.clock.nowMs - startMs).toBeLessThan(100)
    const alone = labWith(() => answer)
    await expect(alone.resolve(NAME, 4)).rejects.toThrow(`${FIRST} answers ${text}`)
  })

  it('that refuse EDNS are asked without at once, and so from then on (RFC 6891 §7)', async () => {
    for (const refusal of [{ status: 1 }, { status: 1, questions: [] }, { status: 4 }]) {
      const lab = labWith((query) =>
        query.ednsPayload > 0 ? refusal : { answers: [a(query.name, V4, 0)] },
      )
      expect(await lab.resolve(NAME, 4)).toEqual([V4])
      expect(await lab.resolve(NAME, 4)).toEqual([V4])
      expect(lab.queries.map(({ ednsPayload }) => ednsPayload)).toEqual([1232, 0, 0])
    }
  })

  it('whose port is closed are left for the next at once', async () => {
    const lab = labWith(silent, honest)
    lab.stacks.right.addAddress('10.0.0.9/24', lab.clock.nowMs)
    lab.useServers(['10.0.0.9', SECOND])
    const startMs = lab.clock.nowMs
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.clock.nowMs - startMs).toBeLessThan(200)
  })

  it('without a route are left for the next at once', async () => {
    const lab = labWith(honest)
    lab.useServers(['198.51.100.1', FIRST])
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    lab.useServers(['198.51.100.1'])
    await expect(lab.resolve('b.example.com', 4)).rejects.toThrow('198.51.100.1 is unreachable')
  })

  it('that change make the cache start anew', async () => {
    const lab = labWith(honest, ({ name }) => ({ answers: [a(name, '192.0.2.8')] }))
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    lab.useServers([SECOND])
    expect(await lab.resolve(NAME, 4)).toEqual(['192.0.2.8'])
  })

  it('that change leave nothing behind of what those before are asked still', async () => {
    const lab = labWith(
      () => null,
      ({ name }) => ({ answers: [a(name, '192.0.2.8')] }),
    )
    const before = lab.stacks.left.resolve(NAME, { family: 4 })
    lab.stacks.runFor(100)
    lab.useServers([SECOND])
    lab.answerLate(FIRST, lab.queries[0]!, { answers: [a(NAME, V4)] })
    expect(await lab.resolve(NAME, 4)).toEqual(['192.0.2.8'])
    expect(await lab.run(before)).toEqual([V4])
    expect(await lab.resolve(NAME, 4)).toEqual(['192.0.2.8'])
    expect(lab.queries).toHaveLength(2)
  })

  it('over a link that loses every third frame, all names are found', async () => {
    const lab = new DnsLab({ loss: 0.3, duplicate: 0.1, seed: 5 })
    const answer = ({ name }: ServedQuery) => ({ answers: [a(name, V4)] })
    for (const server of [FIRST, SECOND, '10.0.0.4']) lab.serve(server, answer)
    lab.useServers([FIRST, SECOND, '10.0.0.4'])
    const names = Array.from({ length: 40 }, (_, index) => `n${index}.example.com`)
    const all = await lab.run(
      Promise.allSettled(names.map((name) => lab.stacks.left.resolve(name, { family: 4 }))),
    )
    expect(all.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(36)
    expect(lab.statistics.outstanding).toBe(0)
  })
})

describe('what is truncated (TC=1)', () => {
  const cut = () => ({ flags: RESPONSE | TRUNCATED })
  const many = ({ name }: ServedQuery) => ({
    answers: Array.from({ length: 200 }, (_, index) => a(name, `192.0.2.${index}`)),
  })

  it('114 is asked for again over TCP (RFC 7766)', async () => {
    const lab = labWith(cut)
    lab.serveTcp(FIRST, many)
    expect(await lab.resolve(NAME, 4)).toHaveLength(MAX_ADDRESSES)
    expect(lab.asked()).toEqual([`${FIRST} A ${NAME}`, `${FIRST} A ${NAME} tcp`])
    expect(lab.statistics).toMatchObject({ truncated: 1, queriesOverTcp: 1 })
    lab.stacks.runFor(120_000)
    expect(lab.stacks.left.tcp.connectionCount).toBe(0)
  })

  it.each<[string, (lab: DnsLab) => void]>([
    ['nobody listens', () => {}],
    ['the connection ends without an answer', (lab) => lab.serveTcp(FIRST, silent)],
    ['the answer is truncated too', (lab) => lab.serveTcp(FIRST, cut)],
    ['the answer is of another query', (lab) => lab.serveTcp(FIRST, ({ id }) => ({ id: id ^ 1 }))],
    ['the answer is no message', (lab) => lab.serveTcp(FIRST, () => new Uint8Array(3))],
    ['the answer is empty', (lab) => lab.serveTcp(FIRST, () => new Uint8Array(0))],
    [
      'the peer never says a word',
      (lab) => void lab.stacks.right.listen({ port: 53, hostname: FIRST }),
    ],
  ])(
    '114 goes to the next server when %s, and ends in an error when there is none',
    async (_what, arrange) => {
      const lab = labWith(cut, honest)
      arrange(lab)
      expect(await lab.resolve(NAME, 4)).toEqual([V4])
      lab.useServers([FIRST])
      await expect(lab.resolve('b.example.com', 4)).rejects.toMatchObject({
        code: 'name-unresolved',
      })
      lab.stacks.runFor(200_000)
      expect(lab.stacks.left.tcp.connectionCount).toBe(0)
    },
  )
})

describe('lies', () => {
  const truth = (query: ServedQuery) => ({ answers: [a(query.name, V4)] })
  const forged = [a(NAME, '192.0.2.66')]

  it.each<[string, (query: ServedQuery) => object, object]>([
    ['another id', ({ id }) => ({ id: id ^ 0x100, answers: forged }), { wrongId: 1 }],
    [
      'another name',
      () => ({ questions: [{ name: 'a.com', type: A }], answers: forged }),
      { wrongQuestion: 1 },
    ],
    [
      'another type',
      () => ({ questions: [{ name: NAME, type: AAAA }], answers: forged }),
      { wrongQuestion: 1 },
    ],
    [
      'two questions',
      () => ({
        questions: [
          { name: NAME, type: A },
          { name: NAME, type: A },
        ],
        answers: forged,
      }),
      { wrongQuestion: 1 },
    ],
    ['no question', () => ({ questions: [], answers: forged }), { wrongQuestion: 1 }],
    ['a query', () => ({ flags: 0x0100, answers: forged }), { malformed: 1 }],
    ['another operation', () => ({ flags: RESPONSE | 0x2000, answers: forged }), { malformed: 1 }],
    [
      'RDLENGTH 3',
      () => ({ answers: [{ name: NAME, type: A, data: [1, 2, 3] }] }),
      { malformed: 1 },
    ],
  ])('108 %s: the wait goes on, and the truth is believed', async (_what, lie, drops) => {
    const lab = labWith((query) => [lie(query), truth(query)])
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.queries).toHaveLength(1)
    expect(lab.statistics.drops).toMatchObject(drops)
  })

  it('108 in a burst do not push the true answer out of the queue: it is believed at once', async () => {
    const guesses = Array.from({ length: 100 }, (_, index) => index + 1)
    const lab = labWith((query) => [
      ...guesses.map((guess) => ({ id: query.id ^ guess, answers: forged })),
      ...guesses.map(() => Uint8Array.of(query.id >> 8, query.id)),
      truth(query),
    ])
    const startMs = lab.clock.nowMs
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.queries).toHaveLength(1)
    expect(lab.clock.nowMs - startMs).toBeLessThan(1_000)
    expect(lab.statistics.drops).toMatchObject({ wrongId: 100, malformed: 100 })
  })

  it('108 from another server or port do not reach the resolver', async () => {
    const lab = new DnsLab()
    lab.serve(FIRST, (query) => {
      const fields = { id: query.id, questions: [{ name: NAME, type: A }] }
      lab.inject(SECOND, query.port, response({ ...fields, answers: forged }))
      lab.inject('10.0.0.5', query.port, response({ ...fields, answers: forged }))
      return null
    })
    lab.serve(SECOND, silent)
    lab.serve('10.0.0.5', silent, 54)
    lab.useServers([FIRST])
    await expect(lab.resolve(NAME, 4)).rejects.toThrow('does not answer')
    expect(lab.statistics).toMatchObject({ responses: 0, cached: 0 })
  })

  it('records of other names are nobody’s question (RFC 5452 §6)', async () => {
    const lab = labWith(({ name, type }) => {
      if (name === 'victim.example') return { answers: [a(name, V4)] }
      return {
        answers: [a('victim.example', '192.0.2.66'), ...(type === A ? [a(name, V4)] : [])],
        additionals: [a('victim.example', '192.0.2.66'), a(NAME, '192.0.2.66')],
      }
    })
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(await lab.resolve('victim.example', 4)).toEqual([V4])
  })
})

describe('the search list (resolv.conf(5), ndots:1)', () => {
  const knows =
    (...names: string[]) =>
    ({ name }: ServedQuery) =>
      names.includes(name) ? { answers: [a(name, V4)] } : GONE

  async function askedFor(name: string, answer: (query: ServedQuery) => object | null) {
    const lab = labWith(answer)
    lab.useServers([FIRST], ['corp.example', 'example'])
    const result = await lab.resolve(name, 4).catch((error: { code: string }) => error.code)
    return [result, lab.queries.map((query) => query.name)]
  }

  it('is tried first for names without a dot', async () => {
    expect(await askedFor('db', knows('db.example'))).toEqual([
      [V4],
      ['db.corp.example', 'db.example'],
    ])
    expect(await askedFor('db', knows())).toEqual([
      ...['name-not-found', ['db.corp.example', 'db.example', 'db']],
    ])
  })

  it('is tried last for names with one', async () => {
    expect(await askedFor('db.x', knows('db.x'))).toEqual([[V4], ['db.x']])
    expect(await askedFor('db.x', knows('db.x.example'))).toEqual([
      ...[[V4], ['db.x', 'db.x.corp.example', 'db.x.example']],
    ])
  })

  it('is not tried for names that end in a dot', async () => {
    expect(await askedFor('db.', knows('db.example'))).toEqual(['name-not-found', ['db']])
  })

  it('goes on after a refusal, and ends with silence', async () => {
    const refuses = ({ name }: ServedQuery) =>
      name === 'db.example' ? { answers: [a(name, V4)] } : { status: 2 }
    expect(await askedFor('db', refuses)).toEqual([
      ...[[V4], ['db.corp.example', 'db.corp.example', 'db.example']],
    ])
    expect(await askedFor('db', silent)).toEqual([
      ...['name-unresolved', ['db.corp.example', 'db.corp.example']],
    ])
  })
})

describe('the cache', () => {
  it('keeps an answer for the least TTL of its chain, and none with TTL 0', async () => {
    const lab = labWith(({ name }) => ({
      answers: [cname(name, 'cdn.net', 30), a('cdn.net', V4, 500)],
    }))
    await lab.resolve(NAME, 4)
    lab.stacks.runFor(29_000)
    await lab.resolve(NAME, 4)
    expect(lab.queries).toHaveLength(1)
    expect(lab.statistics).toMatchObject({ cacheHits: 1, cacheMisses: 1, cached: 1 })
    lab.stacks.runFor(1_001)
    await lab.resolve(NAME, 4)
    expect(lab.queries).toHaveLength(2)
    const brief = labWith(({ name }) => ({ answers: [a(name, V4, 0)] }))
    await brief.resolve(NAME, 4)
    await brief.resolve(NAME, 4)
    expect(brief.queries).toHaveLength(2)
  })

  it('keeps nothing longer than a day, nor a lack longer than five minutes', async () => {
    const lab = labWith(({ name, type }) =>
      type === A
        ? { answers: [a(name, V4, 0x7fffffff)] }
        : { authorities: [soa('com', 0x7fffffff, 0x7fffffff)] },
    )
    await lab.resolve(NAME)
    lab.stacks.runFor(299_000)
    await lab.resolve(NAME)
    expect(lab.asked().sort()).toEqual([`${FIRST} A ${NAME}`, `${FIRST} AAAA ${NAME}`])
    lab.stacks.runFor(2_000)
    await lab.resolve(NAME)
    expect(lab.queries).toHaveLength(3)
    lab.stacks.runFor(86_400_000)
    await lab.resolve(NAME, 4)
    expect(lab.queries).toHaveLength(4)
  })

  it('keeps that a name does not exist, for every family, as long as SOA says (RFC 2308 §5)', async () => {
    const lab = labWith(() => ({ status: 3, authorities: [soa('com', 20, 60)] }))
    for (const family of [4, 6, 4] as const) {
      await expect(lab.resolve(NAME, family)).rejects.toMatchObject({ code: 'name-not-found' })
    }
    expect(lab.queries).toHaveLength(1)
    lab.stacks.runFor(20_001)
    await expect(lab.resolve(NAME, 4)).rejects.toThrow('there is no such name')
    expect(lab.queries).toHaveLength(2)
  })

  it.each([
    ['without SOA', { status: 3 }],
    ['with the SOA of another zone', { status: 3, authorities: [soa('example.net', 60)] }],
  ])('keeps no lack %s', async (_what, answer) => {
    const lab = labWith(() => answer)
    for (let index = 0; index < 2; index++) {
      await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-not-found' })
    }
    expect(lab.queries).toHaveLength(2)
  })

  it('is bounded: the least recently used makes room', async () => {
    const lab = labWith(({ name }) => ({ answers: [a(name, V4, 5000)] }))
    await lab.resolve('first.example.com', 4)
    for (let index = 0; index < MAX_CACHED_ANSWERS - 1; index++)
      await lab.resolve(`n${index}.example.com`, 4)
    await lab.resolve('first.example.com', 4)
    await lab.resolve('last.example.com', 4)
    expect(lab.statistics).toMatchObject({ cached: MAX_CACHED_ANSWERS, cacheEvictions: 1 })
    lab.queries.length = 0
    await lab.resolve('first.example.com', 4)
    expect(lab.queries).toHaveLength(0)
    await lab.resolve('n0.example.com', 4)
    expect(lab.queries).toHaveLength(1)
  })
})

describe('many questions at once', () => {
  const ask = (lab: DnsLab, count: number) =>
    Array.from({ length: count }, (_, index) =>
      lab.stacks.left.resolve(`n${index}.example.com`, { family: 4 }),
    )

  it('wait for each other, all are answered, and their ports are given back', async () => {
    const lab = labWith(({ name }) => ({ answers: [a(name, V4)] }))
    const all = lab.run(Promise.all(ask(lab, 1_000)))
    await Promise.resolve()
    expect(lab.statistics).toMatchObject({ outstanding: MAX_OUTSTANDING_QUESTIONS, refused: 0 })
    expect(lab.stacks.left.udp.readStatistics().sockets).toBe(MAX_OUTSTANDING_QUESTIONS)
    expect(await all).toHaveLength(1_000)
    expect(lab.statistics.outstanding).toBe(0)
    expect(lab.stacks.left.udp.readStatistics().sockets).toBe(0)
  })

  it('are bounded: what is beyond is refused with a reason', async () => {
    const lab = labWith(silent)
    const count = MAX_OUTSTANDING_QUESTIONS + MAX_WAITING_QUESTIONS + 5
    const all = lab.run(Promise.allSettled(ask(lab, count)), 1_000_000)
    await Promise.resolve()
    expect(lab.statistics).toMatchObject({ outstanding: MAX_OUTSTANDING_QUESTIONS, refused: 5 })
    const last = (await all).at(-1) as PromiseRejectedResult
    expect(last.reason.message).toContain('1024 questions wait already')
    expect(lab.statistics.outstanding).toBe(0)
    expect(lab.stacks.left.udp.readStatistics().sockets).toBe(0)
  })

  it('that end as they begin do not pile up', async () => {
    const lab = labWith(silent)
    lab.useServers(['198.51.100.1'])
    const all = await lab.run(Promise.allSettled(ask(lab, 1_100)))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(lab.statistics).toMatchObject({ outstanding: 0, refused: 0 })
  })
})

describe('a guest that was busy', () => {
  it('gives servers their time from when they are asked', async () => {
    const lab = labWith(honest)
    const { left } = lab.stacks
    lab.clock.advanceTo(lab.clock.nowMs + 5_000)
    left.noteTime(lab.clock.nowMs)
    expect(await lab.resolve(NAME, 4)).toEqual([V4])
    expect(lab.statistics).toMatchObject({ queriesSent: 1, timeouts: 0 })
  })

  it('takes the answer that waits before it gives up on it', async () => {
    const lab = labWith(honest)
    const { left, right } = lab.stacks
    // The server's hardware address is known from now on.
    await lab.resolve(NAME, 6)
    const resolving = left.resolve(NAME, { family: 4 })
    left.poll(lab.clock.nowMs)
    for (let turn = 0; turn < 3_000; turn++) {
      lab.clock.advanceTo(lab.clock.nowMs + 1)
      right.poll(lab.clock.nowMs)
    }
    expect(await lab.run(resolving)).toEqual([V4])
    expect(lab.statistics).toMatchObject({ queriesSent: 2, timeouts: 0 })
  })
})
