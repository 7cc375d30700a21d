/**
 * The body of a Request or Response as a ReadableStream, against Node's (Fetch §5.3), and what
 * stands in for it.
 */
import { describe, expect, it, vi } from 'vitest'
import { ReadableStream as OurStream } from 'web-streams-polyfill'
import { openPieces } from '../../../../../kernel/userland/web/piece-source.ts'
import { Request as OurRequest } from '../../../../../kernel/userland/web/request.ts'
import { Response as OurResponse } from '../../../../../kernel/userland/web/response.ts'
import { factsOf } from '../../../../support/compared-facts.ts'

interface Kind {
  readonly Response: typeof Response
  readonly Request: typeof Request
  readonly Stream: typeof ReadableStream
}
const OURS = { Response: OurResponse, Request: OurRequest, Stream: OurStream } as unknown as Kind
const NODES: Kind = { Response, Request, Stream: ReadableStream }

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString()

/** A stream of the pieces, and what has been asked of it. */
function streamOf({ Stream }: Kind, pieces: readonly string[], log: (...facts: unknown[]) => void) {
  const rest = [...pieces]
  return new Stream<Uint8Array>(
    {
      pull(controller) {
        const piece = rest.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new Uint8Array(Buffer.from(piece)))
      },
      cancel: (reason) => log('canceled', reason),
    },
    { highWaterMark: 0 },
  )
}

const SCENARIOS: [string, (kind: Kind, log: (...facts: unknown[]) => void) => unknown][] = [
  [
    'is read by a reader, and is used from then on',
    async ({ Response }, log) => {
      const response = new Response('grüße')
      const body = response.body!
      log(body === response.body, body.locked, response.bodyUsed)
      const reader = body.getReader()
      log(body.locked, response.bodyUsed)
      const { value, done } = await reader.read()
      log(text(value), done, response.bodyUsed, (await reader.read()).done)
      await reader.closed
      reader.releaseLock()
      log(body.locked, response.bodyUsed)
      await response.text()
    },
  ],
  [
    'is read into a buffer of the reader',
    async ({ Response }, log) => {
      const reader = new Response('hello').body!.getReader({ mode: 'byob' })
      const first = await reader.read(new Uint8Array(2))
      const second = await reader.read(new Uint8Array(20))
      log(text(first.value), text(second.value), (await reader.read(new Uint8Array(1))).done)
    },
  ],
  [
    'that is locked is not read by others',
    async ({ Response }) => {
      const response = new Response('x')
      response.body!.getReader()
      await response.text()
    },
  ],
  [
    'that is locked makes no other body',
    ({ Response }) => {
      const response = new Response('x')
      response.body!.getReader()
      new Response(response.body)
    },
  ],
  [
    'that has been read makes no other body',
    async ({ Response }) => {
      const response = new Response('x')
      const reader = response.body!.getReader()
      await reader.read()
      reader.releaseLock()
      new Response(response.body)
    },
  ],
  [
    'that was read as text is locked for readers',
    async ({ Response }) => {
      const response = new Response('x')
      const { body } = response
      await response.text()
      body!.getReader()
    },
  ],
  [
    'is one stream of both when it makes another',
    async ({ Response }, log) => {
      const first = new Response('x', { headers: { a: 'b' } })
      const second = new Response(first.body, first)
      log(first.body === second.body, second.headers.get('a'), await second.text())
      log(first.bodyUsed, second.bodyUsed)
    },
  ],
  [
    'is the stream that was given',
    async (kind, log) => {
      const stream = streamOf(kind, ['a', 'b'], log)
      const response = new kind.Response(stream)
      log(response.body === stream, response.bodyUsed, await response.text(), response.bodyUsed)
    },
  ],
  [
    'is used when its stream is',
    async (kind, log) => {
      const stream = streamOf(kind, ['a', 'b'], log)
      const response = new kind.Response(stream)
      const reader = stream.getReader()
      await reader.read()
      reader.releaseLock()
      log(response.bodyUsed)
      await response.text()
    },
  ],
  [
    'is canceled, and tells its source',
    async (kind, log) => {
      const response = new kind.Response(streamOf(kind, ['a'], log))
      await response.body!.cancel('enough')
      log(response.bodyUsed)
      const whole = new kind.Response('x')
      await whole.body!.cancel()
      log(whole.bodyUsed, whole.body!.locked)
      await whole.text()
    },
  ],
  [
    'goes through pipes',
    async (kind, log) => {
      const seen: string[] = []
      const response = new kind.Response(streamOf(kind, ['a', 'b'], log))
      const [one, two] = response.body!.tee()
      log(response.body!.locked, await new kind.Response(two).text())
      for await (const piece of one as unknown as AsyncIterable<Uint8Array>) seen.push(text(piece))
      log(seen)
    },
  ],
  [
    'that is a stream is cloned',
    async (kind, log) => {
      const response = new kind.Response(streamOf(kind, ['a', 'b'], log), { status: 201 })
      const before = response.body
      const copy = response.clone()
      log(copy.status, before!.locked, response.body === before, response.body!.locked)
      log(await copy.text(), response.bodyUsed, await response.text())
      await new kind.Response('x').clone().text()
      response.clone()
    },
  ],
  [
    'of a request goes to the next one',
    async ({ Request }, log) => {
      const first = new Request('http://h/', { method: 'POST', body: 'x' })
      log((first.body as ReadableStream).locked)
      const second = new Request(first, { body: 'y' })
      log(first.bodyUsed, await second.text(), await first.text())
      const third = new Request(new Request('http://h/', { method: 'POST', body: 'z' }))
      const reader = third.body!.getReader()
      log(text((await reader.read()).value))
      new Request(third)
    },
  ],
  [
    'that is none is null',
    ({ Response }, log) => log(new Response().body, new Response(null).body),
  ],
  [
    'of no bytes is empty',
    async ({ Response }, log) => log((await new Response('').body!.getReader().read()).done),
  ],
]

describe('the body of a response as Node has it', () => {
  it.each(SCENARIOS)('%s', async (_name, play) => {
    expect(await factsOf(OURS, play)).toEqual(await factsOf(NODES, play))
  })
})

describe('a body that is made piece by piece', () => {
  it('is asked for one piece a read, none ahead, and told when it is canceled', async () => {
    const log: string[] = []
    async function* pieces() {
      try {
        for (const piece of ['a', '', 'b', 'c']) {
          log.push(piece)
          yield piece
        }
      } finally {
        log.push('left')
      }
    }
    const reader = new OurResponse(pieces()).body!.getReader()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(log).toEqual([])
    expect(text((await reader.read()).value)).toBe('a')
    expect(log).toEqual(['a'])
    expect(text((await reader.read()).value)).toBe('b')
    await reader.cancel()
    expect(log).toEqual(['a', '', 'b', 'left'])
  })

  it('fails the read when it throws', async () => {
    async function* breaks() {
      yield 'a'
      throw new RangeError('broken on purpose')
    }
    const reader = new OurResponse(breaks()).body!.getReader()
    expect(text((await reader.read()).value)).toBe('a')
    await expect(reader.read()).rejects.toThrow('on purpose')
  })

  it('keeps the bytes of its maker', async () => {
    const piece = new Uint8Array([65])
    async function* same() {
      yield piece
      yield piece
    }
    expect(await new OurResponse(new OurResponse(same()).body).text()).toBe('AA')
    const reader = new OurResponse(same()).body!.getReader()
    for (;;) if ((await reader.read()).done) break
    expect(piece.length).toBe(1)
  })
})

describe('in an app that uses no streams a body', async () => {
  vi.resetModules()
  vi.doMock(
    '../../../../../kernel/userland/web/body-stream.ts',
    () => import('../../../../../kernel/userland/web/plain-body-stream.ts'),
  )
  const { Response: PlainResponse } = await import('../../../../../kernel/userland/web/response.ts')
  vi.doUnmock('../../../../../kernel/userland/web/body-stream.ts')

  it('is iterated, read once, and passed on without being read', async () => {
    const seen: string[] = []
    for await (const piece of new PlainResponse('ab').body!) seen.push(text(piece))
    expect(seen).toEqual(['ab'])
    const first = new PlainResponse('abc')
    const second = new PlainResponse(first.body)
    expect([second.body === first.body, first.bodyUsed]).toEqual([true, false])
    expect(second.takeContent()).toBe('abc')
    expect([first.bodyUsed, first.body!.locked]).toEqual([true, true])
    await expect(first.text()).rejects.toThrow(TypeError)
    expect(() => first.body![Symbol.asyncIterator]()).toThrow(TypeError)
    expect(() => new PlainResponse(first.body)).toThrow(TypeError)
  })

  it('is canceled and cloned', async () => {
    let isLeft = false
    async function* pieces() {
      try {
        yield 'a'
        yield 'b'
      } finally {
        isLeft = true
      }
    }
    const response = new PlainResponse(pieces())
    const copy = response.clone()
    expect([await copy.text(), isLeft]).toEqual(['ab', true])
    await response.body!.cancel()
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow(TypeError)
  })

  it('that is the stream of a blob is sent, and ended when nobody wants it', async () => {
    const { Blob: PlainBlob } = await import('../../../../../kernel/userland/web/blob.ts')
    const blob = new PlainBlob(['abc'])
    const content = new PlainResponse(blob.stream()).takeContent() as AsyncIterable<unknown>
    const pieces = openPieces(content)
    expect(text((await pieces.next()).value as Uint8Array)).toBe('abc')
    expect((await pieces.next()).done).toBe(true)
    const other = new PlainResponse(blob.stream()).takeContent() as AsyncIterable<unknown>
    openPieces(other).cancel('not wanted')
  })

  it('says what to do about readers', () => {
    expect(() => new PlainResponse('x').body!.getReader()).toThrow(/name ReadableStream/)
  })
})
