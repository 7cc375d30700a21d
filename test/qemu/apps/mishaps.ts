/**
 * Goes wrong in each way that one request may: promises that nobody handles, or handles late, and a
 * loop that blocks.
 */

async function fail(): Promise<never> {
  await Promise.resolve()
  throw new RangeError('rejected on purpose')
}

const pause = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/awaited') await fail()
    if (pathname === '/floating') void fail()
    if (pathname === '/late') {
      const failing = fail()
      await pause(20)
      await failing
    }
    if (pathname === '/blocks') for (let turns = 0; ; turns++) if (turns < 0) break
    return new Response('fine')
  },
}
