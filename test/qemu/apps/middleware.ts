/**
 * hono with the middleware that needs crypto.subtle, streams, forms and compression; and what else
 * of the kind is used plainly.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { system } from 'eremite'
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { etag } from 'hono/etag'
import { jwt, sign } from 'hono/jwt'

const SECRET = 'a secret of the test'
const LIMIT_BYTES = 100_000

const app = new Hono()

app.use('/basic', basicAuth({ username: 'user', password: 'päss' }))
app.use('/bearer', bearerAuth({ token: 'open-sesame' }))
app.get('/basic', (context) => context.text('in'))
app.get('/bearer', (context) => context.text('in'))

app.get('/tagged', etag(), (context) => context.text('the same every time'))

app.get('/bake', async (context) => {
  await setSignedCookie(context, 'who', 'Ada', SECRET)
  return context.text('baked')
})
app.get('/taste', async (context) =>
  context.json({ who: await getSignedCookie(context, SECRET, 'who') }),
)

for (const alg of ['HS256', 'HS384', 'HS512'] as const) {
  app.get(`/token/${alg}`, async (context) =>
    context.text(await sign({ name: 'Ada' }, SECRET, alg)),
  )
  app.use(`/jwt/${alg}`, jwt({ secret: SECRET, alg }))
  app.get(`/jwt/${alg}`, (context) => context.json(context.get('jwtPayload')))
}
app.get('/rsa', async (context) => {
  const error = await sign({}, '-----BEGIN PRIVATE KEY-----', 'RS256').catch((it: unknown) => it)
  return context.text(String(error))
})

app.post('/limited', bodyLimit({ maxSize: LIMIT_BYTES }), async (context) =>
  context.json({ length: (await context.req.arrayBuffer()).byteLength }),
)

app.post('/form', async (context) => {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(await context.req.parseBody({ all: true }))) {
    fields[name] =
      value instanceof File
        ? { file: value.name, type: value.type, size: value.size, text: await value.text() }
        : value
  }
  return context.json(fields)
})
app.get('/form', () => {
  const form = new FormData()
  form.append('text', 'grüße')
  form.append('file', new File(['<p>'], 'page.html', { type: 'text/html' }))
  return new Response(form)
})

app.use('/packed/*', compress())
app.get('/packed/text', (context) => context.text('all work and no play\n'.repeat(2000)))
app.post('/unpack', async (context) => {
  // Stops at a million bytes, whatever a bomb would give.
  const stream = context.req.raw.body!.pipeThrough(new DecompressionStream('gzip'))
  let length = 0
  for await (const piece of stream) {
    length += piece.length
    if (length > 1_000_000) break
  }
  return context.json({ length })
})
app.post('/upper', (context) => {
  const upper = new TransformStream<string, string>({
    transform: (text, controller) => controller.enqueue(text.toUpperCase()),
  })
  const body = context.req.raw
    .body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(upper)
    .pipeThrough(new TextEncoderStream())
  return new Response(body)
})

const stays = new AbortController()
app.get('/signals', (context) => {
  const rounds = Number(context.req.query('rounds'))
  let calls = 0
  for (let round = 0; round < rounds; round++) {
    const own = new AbortController()
    const any = AbortSignal.any([stays.signal, own.signal, AbortSignal.timeout(3_600_000)])
    any.addEventListener('abort', () => calls++)
    own.abort()
  }
  const { engineBytes } = system.statistics().memory as { engineBytes: number }
  return context.json({ calls, heapBytes: engineBytes })
})

app.get('/money', (context) => {
  const text = (1234.5).toLocaleString('de', { style: 'currency', currency: 'EUR' })
  return context.text(`${text} ${'a'.localeCompare('b', 'de')}`)
})

export default app
