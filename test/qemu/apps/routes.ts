/**
 * An app that is the npm package hono, unmodified: routes with parameters, middleware, JSON,
 * errors.
 */
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { HTTPException } from 'hono/http-exception'

const app = new Hono()

app.use(async (context, next) => {
  await next()
  context.header('x-served-by', 'hono')
})
app.get('/', (context) => context.text('hono on Eremite'))
app.get('/users/:id/posts/:post{[0-9]+}', (context) => context.json(context.req.param()))
app.get('/search', (context) => context.json(context.req.queries()))
app.post('/echo', async (context) => context.json(await context.req.json(), 201))
app.get('/teapot', () => {
  throw new HTTPException(418, { message: 'short and stout' })
})
app.get('/throws', () => {
  throw new Error('broken on purpose')
})
app.get('/away', (context) => context.redirect('/', 303))
app.use(
  '/private/*',
  basicAuth({ verifyUser: (name, password) => name === 'user' && password === 'päss' }),
)
app.get('/private/page', (context) => context.html('<p>seen</p>'))

export default { port: 8080, fetch: app.fetch }
