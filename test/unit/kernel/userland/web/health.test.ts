/** `/healthz` by an app's own check: well, unwell, slow, failing, and the end of the guest. */
import { expect, it } from 'vitest'
import { readFetchApp } from '../../../../../kernel/userland/web/fetch-service.ts'
import { HEALTH_TIMEOUT_MS, withHealth } from '../../../../../kernel/userland/web/health.ts'
import { Request } from '../../../../../kernel/userland/web/request.ts'
import { Response } from '../../../../../kernel/userland/web/response.ts'

function serve(check: () => unknown) {
  let isEnding = false
  let late: (() => void) | null = null
  const handler = withHealth(() => new Response('the app'), {
    ...{ check, isEnding: () => isEnding, debug() {} },
    clock: {
      after(delayMs, callback) {
        expect(delayMs).toBe(HEALTH_TIMEOUT_MS)
        late = callback
        return {
          cancel() {
            late = null
          },
        }
      },
    },
  })
  const ask = async (path = '/healthz', method = 'GET') => {
    const response = await handler(new Request(`http://guest${path}`, { method }))
    return [response.status, (await response.text()).trim()]
  }
  return { ask, expire: () => late!(), isTimed: () => late !== null, end: () => (isEnding = true) }
}

it.each([
  ['nothing', () => undefined, 200, 'ok'],
  ['true', () => true, 200, 'ok'],
  ['an object later', async () => ({ db: 'up' }), 200, 'ok'],
  ['false', () => false, 503, 'unhealthy'],
  ['false later', async () => false, 503, 'unhealthy'],
  ['a response', () => Response.json({ load: 1 }, { status: 429 }), 429, '{"load":1}'],
])('a check that gives %s', async (_, check, status, text) => {
  expect(await serve(check).ask()).toEqual([status, text])
})

it('a check that is done leaves no timer behind', async () => {
  const { ask, isTimed } = serve(() => true)
  const answer = ask()
  expect(isTimed()).toBe(true)
  await answer
  expect(isTimed()).toBe(false)
})

it('a check that throws or rejects is unhealthy', async () => {
  const fail = () => {
    throw new Error('no database')
  }
  expect(await serve(fail).ask()).toEqual([503, 'unhealthy'])
  expect(await serve(async () => fail()).ask()).toEqual([503, 'unhealthy'])
})

it('a check that takes longer than 5 s is unhealthy, and runs once for all who ask meanwhile', async () => {
  let runs = 0
  const { ask, expire } = serve(() => {
    runs++
    return new Promise(() => {})
  })
  const answers = [ask(), ask(), ask('/healthz', 'HEAD')]
  await Promise.resolve()
  expire()
  expect((await Promise.all(answers)).map(([status]) => status)).toEqual([503, 503, 503])
  expect(runs).toBe(1)
})

it('is 503 once the guest has been asked to shut down, whatever the check says, and without running it', async () => {
  let runs = 0
  const { ask, end } = serve(() => ++runs)
  end()
  expect(await ask()).toEqual([503, 'shutting down'])
  expect(runs).toBe(0)
})

it('leaves all else to the app: longer paths, queries, other methods', async () => {
  const { ask } = serve(() => false)
  for (const path of ['/', '/a/healthz', '/healthz/', '/healthz?x', '/xhealthz']) {
    expect(await ask(path), path).toEqual([200, 'the app'])
  }
  expect(await ask('/healthz', 'POST')).toEqual([200, 'the app'])
})

it('is there only for an app that has it, not for one that answers to every name', () => {
  const fetch = () => new Response()
  expect(readFetchApp({ fetch }).health).toBeNull()
  expect(readFetchApp({ fetch, health: () => 7 }).health!()).toBe(7)
  expect(() => readFetchApp({ fetch, health: true })).toThrow(/`health` .* is no function/)
  const answersToAll = new Proxy(
    { fetch },
    { get: (target, name) => (name in target ? Reflect.get(target, name) : fetch) },
  )
  expect(readFetchApp(answersToAll).health).toBeNull()
})
