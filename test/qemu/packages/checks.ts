/**
 * What each package has to do in a guest to count as working: a little of what people use it for,
 * checked.
 */

/** Throws, or rejects, when the package does not do it. */
export type Check = () => Promise<void>

function same(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${a} in the place of ${b}`)
}

function throws(work: () => unknown): void {
  let isRefused = false
  try {
    work()
  } catch {
    isRefused = true
  }
  if (!isRefused) throw new Error('what is wrong was taken')
}

const request = (path: string, init?: RequestInit) => new Request(`http://guest${path}`, init)
const json = async (response: Response) => JSON.parse(await response.text())

const PERSON = { name: 'Ada', age: 36 }
const WRONG = { name: 'Ada', age: 'old' }

export const routers: Readonly<Record<string, Check>> = {
  async hono() {
    const { Hono } = await import('hono')
    const app = new Hono().get('/users/:id', (c) => c.json({ id: c.req.param('id') }))
    same(await json(await app.fetch(request('/users/7') as never)), { id: '7' })
  },
  async 'itty-router'() {
    const { AutoRouter } = await import('itty-router')
    const router = AutoRouter()
    router.get('/users/:id', ({ params }: { params: Record<string, string> }) => ({
      id: params.id,
    }))
    same(await json((await router.fetch(request('/users/7') as never)) as Response), { id: '7' })
  },
  async h3() {
    const { H3 } = await import('h3')
    const app = new H3().get('/users/:id', (event) => ({ id: event.context.params?.id }))
    same(await json((await app.fetch(request('/users/7') as never)) as never), { id: '7' })
  },
  async crossws() {
    const { default: cloudflare } = await import('crossws/adapters/cloudflare')
    const { handleUpgrade } = cloudflare({ hooks: { open: (peer) => void peer.send('hi') } })
    const answer = await handleUpgrade(request('/') as never, {}, {} as never)
    same(
      [answer.status, (answer as unknown as { webSocket: object }).webSocket !== null],
      [101, true],
    )
  },
  async rou3() {
    const { addRoute, createRouter, findRoute } = await import('rou3')
    const router = createRouter<string>()
    addRoute(router, 'GET', '/users/:id', 'user')
    same(findRoute(router, 'GET', '/users/7')?.params, { id: '7' })
  },
  async radix3() {
    const { createRouter } = await import('radix3')
    same(createRouter({ routes: { '/users/:id': { it: 1 } } }).lookup('/users/7')?.params, {
      id: '7',
    })
  },
  async regexparam() {
    const { inject, parse } = await import('regexparam')
    same([parse('/users/:id').keys, inject('/users/:id', { id: '7' })], [['id'], '/users/7'])
  },
  async 'path-to-regexp'() {
    const { match } = await import('path-to-regexp')
    const found = match('/users/:id')('/users/7')
    same(found !== false && found.params, { id: '7' })
  },
  async trouter() {
    const { Trouter } = await import('trouter')
    const router = new Trouter<string>()
    router.get('/users/:id', 'user')
    same(router.find('GET', '/users/7'), { params: { id: '7' }, handlers: ['user'] })
  },
  async '@trpc/server'() {
    const { initTRPC } = await import('@trpc/server')
    const { fetchRequestHandler } = await import('@trpc/server/adapters/fetch')
    const t = initTRPC.create()
    const router = t.router({ hello: t.procedure.query(() => 'from trpc') })
    const req = request('/trpc/hello') as never
    const answer = await fetchRequestHandler({ endpoint: '/trpc', req, router })
    same(await json(answer as never), { result: { data: 'from trpc' } })
  },
  async graphql() {
    const { buildSchema, graphql } = await import('./parts.ts')
    const schema = buildSchema('type Query { hello(name: String!): String }')
    const rootValue = { hello: ({ name }: { name: string }) => `hello ${name}` }
    const { data } = await graphql({ schema, source: '{ hello(name: "Ada") }', rootValue })
    same(data, { hello: 'hello Ada' })
  },
  async 'graphql-yoga'() {
    const { createSchema, createYoga } = await import('./parts.ts')
    const yoga = createYoga({
      schema: createSchema({
        typeDefs: 'type Query { hello(name: String!): String } type Subscription { count: Int }',
        resolvers: {
          Query: { hello: (_: unknown, { name }: { name: string }) => `hello ${name}` },
          Subscription: {
            count: {
              async *subscribe() {
                for (const count of [1, 2]) yield { count }
              },
            },
          },
        },
      }),
    })
    const ask = (query: string, accept: string) => {
      const headers = { 'content-type': 'application/json', accept }
      const init = { method: 'POST', headers, body: JSON.stringify({ query }) }
      return yoga.fetch('http://guest/graphql', init)
    }
    const answer = await ask('{ hello(name: "Ada") }', 'application/json')
    same(await json(answer as never), { data: { hello: 'hello Ada' } })
    const events = await (await ask('subscription { count }', 'text/event-stream')).text()
    same(events.match(/"count":\d/g), ['"count":1', '"count":2'])
  },
}

export const validation: Readonly<Record<string, Check>> = {
  async zod() {
    const z = await import('./parts.ts')
    const schema = z.object({ name: z.string().min(1), age: z.number().int() })
    same([schema.parse(PERSON), schema.safeParse(WRONG).success], [PERSON, false])
  },
  async valibot() {
    const v = await import('./parts.ts')
    const name = v.pipe(v.valibotString(), v.minLength(1))
    const schema = v.valibotObject({ name, age: v.valibotNumber() })
    same([v.parse(schema, PERSON), v.safeParse(schema, WRONG).success], [PERSON, false])
  },
  async superstruct() {
    const { create, is, number, object, string } = await import('superstruct')
    const schema = object({ name: string(), age: number() })
    same([create(PERSON, schema), is(WRONG, schema)], [PERSON, false])
  },
  async yup() {
    const { number, object, string } = await import('yup')
    const schema = object({ name: string().required(), age: number().integer() })
    same([await schema.validate(PERSON), await schema.isValid(WRONG)], [PERSON, false])
  },
  async ajv() {
    const { Ajv } = await import('ajv')
    const validate = new Ajv().compile({ properties: { age: { type: 'integer' } } })
    same([validate(PERSON), validate(WRONG)], [true, false])
  },
  async arktype() {
    const { type } = await import('arktype')
    const schema = type({ name: 'string', age: 'number' })
    same([schema(PERSON), schema(WRONG) instanceof type.errors], [PERSON, true])
  },
}

const SECRET = new TextEncoder().encode('a secret of the test, of 32 bytes')

export const auth: Readonly<Record<string, Check>> = {
  async jose() {
    const { jwtVerify, SignJWT } = await import('jose')
    const token = await new SignJWT({ sub: 'Ada' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(SECRET)
    same((await jwtVerify(token, SECRET)).payload.sub, 'Ada')
  },
  async '@tsndr/cloudflare-worker-jwt'() {
    const { sign, verify } = await import('@tsndr/cloudflare-worker-jwt')
    const token = await sign({ sub: 'Ada' }, 'secret')
    same((await verify(token, 'secret'))?.payload.sub, 'Ada')
  },
  async jsonwebtoken() {
    const { default: jwt } = await import('jsonwebtoken')
    const token = jwt.sign({ sub: 'Ada' }, 'a secret', { algorithm: 'HS256', expiresIn: '1h' })
    same(jwt.verify(token, 'a secret').sub, 'Ada')
    throws(() => jwt.verify(token, 'another secret'))
    const pem = '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n'
    throws(() => jwt.verify(token, pem))
  },
  async bcryptjs() {
    const { compareSync, hashSync } = await import('bcryptjs')
    const hash = hashSync('päss', 4)
    same([compareSync('päss', hash), compareSync('pass', hash)], [true, false])
  },
  async tweetnacl() {
    const { default: nacl } = await import('tweetnacl')
    const key = new Uint8Array(32).fill(1)
    const box = nacl.secretbox(SECRET, new Uint8Array(24), key)
    same([...nacl.secretbox.open(box, new Uint8Array(24), key)!], [...SECRET])
    same(nacl.randomBytes(8).length, 8)
  },
  async '@noble/hashes'() {
    const { sha256 } = await import('@noble/hashes/sha2.js')
    same(sha256(new Uint8Array()).subarray(0, 4).join(), '227,176,196,66')
  },
  async nanoid() {
    const { nanoid } = await import('nanoid')
    const identifiers = new Set([nanoid(), nanoid()])
    same([[...identifiers].every((it) => /^[\w-]{21}$/.test(it)), identifiers.size], [true, 2])
  },
  async uuid() {
    const { v4, v7, validate } = await import('uuid')
    same([validate(v4()), validate(v7())], [true, true])
  },
  async ulid() {
    const { decodeTime, ulid } = await import('ulid')
    same(decodeTime(ulid(1_700_000_000_000)), 1_700_000_000_000)
  },
  async cookie() {
    const cookie = await import('cookie')
    same(cookie.parseCookie('a=1; b=%20'), { a: '1', b: ' ' })
  },
  async 'set-cookie-parser'() {
    const { parseString } = await import('set-cookie-parser')
    same(parseString('a=1; HttpOnly; Path=/'), { name: 'a', value: '1', httpOnly: true, path: '/' })
  },
}

export const rendering: Readonly<Record<string, Check>> = {
  async 'preact and preact-render-to-string'() {
    const { h } = await import('preact')
    const { render } = await import('preact-render-to-string')
    same(
      render(h('p', { class: 'x' }, '<', h('b', null, 'bold'))),
      '<p class="x">&lt;<b>bold</b></p>',
    )
  },
  async htm() {
    const { default: htm } = await import('htm')
    const html = htm.bind((type: unknown, _: unknown, ...children: unknown[]) => [type, children])
    same(html`<p>${1}</p>`, ['p', [1]])
  },
  async mustache() {
    const { default: mustache } = await import('mustache')
    same(mustache.render('{{#who}}{{.}}, {{/who}}', { who: ['A', '<'] }), 'A, &lt;, ')
  },
  async handlebars() {
    const { default: handlebars } = await import('handlebars')
    same(handlebars.compile('{{#each who}}{{this}}, {{/each}}')({ who: ['A', '<'] }), 'A, &lt;, ')
  },
  async eta() {
    const { Eta } = await import('eta/core')
    same(new Eta().renderString('hello <%= it.name %>', { name: '<' }), 'hello &lt;')
  },
  async marked() {
    const { marked } = await import('marked')
    same(await marked.parse('# hi *there*'), '<h1>hi <em>there</em></h1>\n')
  },
  async 'escape-html'() {
    const { default: escapeHtml } = await import('escape-html')
    same(escapeHtml('<a href="x">&'), '&lt;a href=&quot;x&quot;&gt;&amp;')
  },
}

export const utilities: Readonly<Record<string, Check>> = {
  async dayjs() {
    const { default: dayjs } = await import('dayjs')
    same(dayjs('2024-02-28T12:00:00Z').add(2, 'day').toISOString(), '2024-03-01T12:00:00.000Z')
  },
  async 'date-fns'() {
    const { addDays, formatISO, parseISO } = await import('./parts.ts')
    same(formatISO(addDays(parseISO('2024-02-28'), 2), { representation: 'date' }), '2024-03-01')
  },
  async 'date-fns-tz'() {
    const { formatInTimeZone } = await import('date-fns-tz')
    same(formatInTimeZone(new Date(0), 'Asia/Tokyo', 'yyyy-MM-dd HH:mm'), '1970-01-01 09:00')
  },
  async luxon() {
    const { DateTime } = await import('luxon')
    const time = DateTime.fromISO('2024-02-28T12:00:00Z', { zone: 'utc' })
    same(time.plus({ days: 2 }).toISO(), '2024-03-01T12:00:00.000Z')
  },
  async ms() {
    const { default: ms } = await import('ms')
    same([ms('2h'), ms(60_000)], [7_200_000, '1m'])
  },
  async qs() {
    const { default: qs } = await import('qs')
    same(
      [qs.parse('a[b]=1&c[]=2'), qs.stringify({ a: [1] })],
      [{ a: { b: '1' }, c: ['2'] }, 'a%5B0%5D=1'],
    )
  },
  async 'fast-deep-equal'() {
    const { default: equal } = await import('fast-deep-equal')
    same([equal({ a: [1] }, { a: [1] }), equal({ a: 1 }, { a: 2 })], [true, false])
  },
  async immer() {
    const { produce } = await import('immer')
    const before = { list: [1] }
    const after = produce(before, (draft) => void draft.list.push(2))
    same([before, after], [{ list: [1] }, { list: [1, 2] }])
  },
  async mitt() {
    const { default: mitt } = await import('mitt')
    const heard: unknown[] = []
    const emitter = mitt<{ it: number }>()
    emitter.on('it', (value) => heard.push(value))
    emitter.emit('it', 7)
    same(heard, [7])
  },
  async eventemitter3() {
    const { EventEmitter } = await import('eventemitter3')
    const heard: unknown[] = []
    const emitter = new EventEmitter().once('it', (value) => heard.push(value))
    same([emitter.emit('it', 7), emitter.emit('it', 8), heard], [true, false, [7]])
  },
  async 'p-limit'() {
    const { default: pLimit } = await import('p-limit')
    const limit = pLimit(1)
    const order: number[] = []
    await Promise.all([1, 2, 3].map((it) => limit(async () => void order.push(it))))
    same(order, [1, 2, 3])
  },
  async superjson() {
    const { default: superjson } = await import('superjson')
    const it = { at: new Date(0), set: new Set([1]), big: 7n }
    const back = superjson.parse<typeof it>(superjson.stringify(it))
    same([back.at.getTime(), [...back.set], String(back.big)], [0, [1], '7'])
  },
  async devalue() {
    const { parse, stringify } = await import('devalue')
    const back = parse(stringify(new Map([['a', new Date(0)]]))) as Map<string, Date>
    same(back.get('a')?.getTime(), 0)
  },
  async yaml() {
    const { parse, stringify } = await import('yaml')
    same(
      [parse('a:\n  - 1\n  - b: null\n'), stringify({ a: [1] })],
      [{ a: [1, { b: null }] }, 'a:\n  - 1\n'],
    )
  },
  async 'smol-toml'() {
    const { parse } = await import('smol-toml')
    same(parse('[a]\nb = [1, "c"]\n'), { a: { b: [1, 'c'] } })
  },
  async papaparse() {
    const { default: papa } = await import('papaparse')
    same(papa.parse('a,b\n1,"x, y"\n', { header: true }).data[0], { a: '1', b: 'x, y' })
  },
  async semver() {
    const { default: semver } = await import('semver')
    same([semver.satisfies('1.2.3', '^1.2.0'), semver.gt('1.0.0', '1.0.0-rc.1')], [true, true])
  },
  async picomatch() {
    const { default: picomatch } = await import('picomatch')
    const isSource = picomatch('**/*.ts')
    same([isSource('a/b.ts'), isSource('a.js')], [true, false])
  },
  async minisearch() {
    const { default: MiniSearch } = await import('minisearch')
    const search = new MiniSearch({ fields: ['text'] })
    search.addAll([
      { id: 1, text: 'a unikernel' },
      { id: 2, text: 'an interpreter' },
    ])
    same(
      search.search('unikernle', { fuzzy: 0.3 }).map(({ id }) => id),
      [1],
    )
  },
  async 'big.js'() {
    const { default: Big } = await import('big.js')
    same(new Big('0.1').plus('0.2').toString(), '0.3')
  },
  async 'ts-pattern'() {
    const { match, P } = await import('ts-pattern')
    const it = { kind: 'a', value: 7 } as { kind: string; value: number }
    same(
      match(it)
        .with({ kind: 'a', value: P.select() }, (n) => n)
        .otherwise(() => 0),
      7,
    )
  },
  async neverthrow() {
    const { err, ok } = await import('neverthrow')
    const refused = err<number, string>('no')
    same(
      [
        ok(7)
          .map((it) => it + 1)
          .unwrapOr(0),
        refused.unwrapOr(1),
      ],
      [8, 1],
    )
    throws(() => refused._unsafeUnwrap())
  },
  async fflate() {
    const { gunzipSync, gzipSync, strFromU8, strToU8 } = await import('fflate')
    same(strFromU8(gunzipSync(gzipSync(strToU8('grüße')))), 'grüße')
  },
}
