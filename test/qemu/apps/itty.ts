/** An app that is the npm package itty-router, unmodified: parameters, JSON, a missing page, an error. */
import { AutoRouter } from 'itty-router'

const router = AutoRouter()

router
  .get('/hello/:name', ({ name }) => `hello ${name}`)
  .get('/query', ({ query }) => query)
  .post('/echo', async (request) => ({ got: await request.json() }))
  .get('/throws', () => {
    throw new Error('broken on purpose')
  })

export default router
