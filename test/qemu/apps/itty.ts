/**
 * An app that is the npm package itty-router, unmodified: parameters, JSON, a missing page, an
 * error.
 */
import { AutoRouter, type IRequest } from 'itty-router'

const router = AutoRouter()

router
  .get('/hello/:name', ({ name }: IRequest) => `hello ${name}`)
  .get('/query', ({ query }: IRequest) => query)
  .post('/echo', async (request: IRequest) => ({ got: await request.json() }))
  .get('/throws', () => {
    throw new Error('broken on purpose')
  })

export default router
