/** Content that is read as a whole: what the heap has room for, and what becomes of the rest. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COLLECT_LIMIT_BYTES } from '../../../../../kernel/userland/web/collect-content.ts'
import { ContentBudget, contentBudget } from '../../../../../kernel/userland/web/content-budget.ts'
import { PIECE_OVERHEAD_BYTES } from '../../../../../kernel/userland/web/piece-list.ts'
import { Response } from '../../../../../kernel/userland/web/response.ts'
import { serveFetch } from './serve-fetch.ts'

const MIB = 1 << 20

/** A heap whose use the test says. */
function heapOf(totalBytes: number) {
  return {
    usedBytes: 0,
    garbageBytes: 0,
    sharedBytes: 0,
    sharedMemoryBytes() {
      return this.sharedBytes
    },
    collections: 0,
    timeMs: 0,
    nowMs() {
      return this.timeMs
    },
    freeMemoryBytes() {
      return totalBytes - this.usedBytes - this.garbageBytes - this.sharedBytes
    },
    collectMs: 0,
    collectGarbage() {
      this.collections++
      this.timeMs += this.collectMs
      this.garbageBytes = 0
    },
  }
}

describe('ContentBudget', () => {
  it('leaves a quarter of what was free in the beginning', () => {
    const heap = heapOf(64 * MIB)
    const budget = new ContentBudget()
    budget.useHeap(heap)
    budget.requireWhole(48 * MIB)
    heap.usedBytes = 20 * MIB
    budget.requireWhole(28 * MIB)
    expect(() => budget.requireWhole(28 * MIB + 1)).toThrow(
      expect.objectContaining({
        status: 503,
        message: expect.stringMatching(/others have them now/),
      }),
    )
  })

  it('does not leave for connections what they have already', () => {
    const heap = heapOf(64 * MIB)
    const budget = new ContentBudget()
    budget.useHeap(heap)
    heap.sharedBytes = 12 * MIB
    budget.requireWhole(48 * MIB)
    expect(() => budget.requireWhole(48 * MIB + 1)).toThrow()
    // What the guest itself may need is left in any case.
    heap.sharedBytes = 16 * MIB
    budget.requireWhole(44 * MIB)
    expect(() => budget.requireWhole(44 * MIB + 1)).toThrow()
  })

  it('says 413 for what would never fit, 503 for what fits at other times', () => {
    const heap = heapOf(64 * MIB)
    const budget = new ContentBudget()
    budget.useHeap(heap)
    heap.usedBytes = 60 * MIB
    for (const [lengthBytes, status] of [
      [48 * MIB + 1, 413],
      [48 * MIB, 503],
      [1, 503],
    ] as const) {
      expect(() => budget.requireWhole(lengthBytes)).toThrow(expect.objectContaining({ status }))
    }
  })

  it.each([
    ['quickly', 2, 125],
    ['slowly', 50, 5],
  ])(
    'looks for garbage before it refuses, which found %s takes a tenth of the time at most',
    (_, collectMs, most) => {
      const heap = heapOf(64 * MIB)
      const budget = new ContentBudget()
      budget.useHeap(heap)
      heap.collectMs = collectMs
      heap.garbageBytes = 40 * MIB
      budget.requireWhole(30 * MIB)
      expect(heap.collections).toBe(1)
      heap.usedBytes = 40 * MIB
      heap.collections = 0
      for (heap.timeMs = 1000; heap.timeMs < 3500; heap.timeMs++) {
        expect(() => budget.requireWhole(30 * MIB)).toThrow()
      }
      expect(heap.collections).toBeLessThanOrEqual(most)
      expect(heap.collections).toBeGreaterThanOrEqual(most - 6)
    },
  )

  it('looks at the heap once for many small pieces, and ends them only when little is left', () => {
    const heap = heapOf(64 * MIB)
    const budget = new ContentBudget()
    budget.useHeap(heap)
    heap.usedBytes = 59 * MIB
    for (let piece = 0; piece < 1000; piece++) expect(budget.canTakePiece(1448)).toBe(true)
    heap.usedBytes = 61 * MIB
    const refused = Array.from({ length: 460 }, () => budget.canTakePiece(1448)).filter((it) => !it)
    expect(refused).toHaveLength(10)
  })
})

describe('a request whose content does not fit', () => {
  let heap = heapOf(64 * MIB)
  beforeEach(() => {
    heap = heapOf(64 * MIB)
    contentBudget.useHeap(heap)
  })
  afterEach(() => contentBudget.useHeap(heapOf(Number.MAX_SAFE_INTEGER)))

  const app = () => serveFetch(async (request) => new Response(`${(await request.text()).length}`))
  const post = (length: number) => `POST / HTTP/1.1\r\nHost: g\r\nContent-Length: ${length}\r\n\r\n`

  it('is answered 503 before any of it is read, and logged at debug', async () => {
    heap.usedBytes = 44 * MIB
    const { send, socket, reports, debugLines } = app()
    const answer = await send(post(4_000_000))
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close/)
    expect(socket.ending).toBe('half-closed')
    expect(reports).toEqual([])
    expect(debugLines[0]).toMatch(/^POST \/: 503, content takes 8000000 bytes of memory; others/)
    expect(await send('x'.repeat(100_000))).toBe(answer)
  })

  it('gets no 100-continue', async () => {
    heap.usedBytes = 44 * MIB
    const { send } = app()
    const expecting = post(4_000_000).replace('Host', 'Expect: 100-continue\r\nHost')
    expect(await send(expecting)).toMatch(/^HTTP\/1\.1 503 /)
  })

  it('is answered 413 when it never would, by length or by what has come of it', async () => {
    contentBudget.useHeap(heapOf(8 * MIB))
    expect(await app().send(post(4_000_000))).toMatch(/^HTTP\/1\.1 413 /)
    expect(await app().send(post(COLLECT_LIMIT_BYTES + 1))).toMatch(/^HTTP\/1\.1 413 /)
    const { send } = app()
    await send('POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n')
    let answer = ''
    for (let mebibytes = 0; mebibytes < 4 && answer === ''; mebibytes++) {
      answer = await send(`100000\r\n${'x'.repeat(MIB)}\r\n`)
    }
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('leaves the others what they have, and the next one is served once there is room', async () => {
    const first = app()
    await first.send(`${post(4_000_000)}${'x'.repeat(3_999_999)}`)
    heap.usedBytes = 44 * MIB
    expect(await app().send(post(4_000_000))).toMatch(/^HTTP\/1\.1 503 /)
    expect(await first.send('x')).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n4000000$/)
    heap.usedBytes = 0
    const last = app()
    expect(await last.send(`${post(4_000_000)}${'x'.repeat(4_000_000)}`)).toMatch(/4000000$/)
  })

  it('in pieces of a byte is looked for as often as the arrays that hold them ask', async () => {
    const { send } = serveFetch(async (request) => {
      for await (const piece of request.body!) heap.usedBytes += piece.length + PIECE_OVERHEAD_BYTES
      return new Response('all')
    })
    heap.usedBytes = 59 * MIB
    await send('POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n')
    expect(await send('1\r\na\r\n'.repeat(20_000))).toMatch(/^HTTP\/1\.1 503 /)
    expect(heap.freeMemoryBytes()).toBeGreaterThan(3 * MIB)
  })

  it('that the app keeps in pieces ends with 503 before the guest has nothing left', async () => {
    const kept: Uint8Array[] = []
    const { send } = serveFetch(async (request) => {
      for await (const piece of request.body!) {
        kept.push(piece)
        heap.usedBytes += piece.length
      }
      return new Response('all')
    })
    heap.usedBytes = 59 * MIB
    const answer = await send(`${post(4_000_000)}${'x'.repeat(4_000_000)}`)
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(heap.freeMemoryBytes()).toBeGreaterThan(3 * MIB)
    expect(kept.length).toBeGreaterThan(0)
  })

  it('ends alone when not even a piece can be allocated within the turn of the kernel', async () => {
    const { send, socket, reports } = app()
    await send(post(1000))
    const peekRange = socket.peekRange.bind(socket)
    socket.peekRange = () => {
      const length = peekRange()
      socket.readBuffer!.bytes.slice = () => {
        throw new RangeError('out of memory')
      }
      return length
    }
    const answer = await send('x'.repeat(1000))
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(reports).toEqual([])
  })
})

describe('what is made of content', () => {
  it('ends that request with 503 when there is no memory for it', async () => {
    const { send, reports } = serveFetch(async (request) => Response.json(await request.json()))
    const { parse } = JSON
    JSON.parse = () => {
      throw Object.assign(new Error('out of memory'), { name: 'InternalError' })
    }
    try {
      const answer = await send('POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}')
      expect(answer).toMatch(/^HTTP\/1\.1 503 /)
      expect(reports).toEqual([])
    } finally {
      JSON.parse = parse
    }
  })
})

describe('a connection', () => {
  it.each([
    ['ends when the app has used all memory up, and nothing else does', 'out of memory', true],
    ['lets any other error of the engine pass', 'something else', false],
  ])('%s', async (_name, message, isContained) => {
    const error = Object.assign(new Error(message), { name: 'InternalError' })
    const { send, socket, reports } = serveFetch(() => new Response('x'))
    socket.peekRange = () => {
      throw error
    }
    const sending = send('GET / HTTP/1.1\r\n')
    if (isContained) {
      await sending
      expect(socket.ending).toBe('aborted')
      expect(reports).toEqual(['A connection is ended: out of memory'])
    } else {
      await expect(sending).rejects.toBe(error)
    }
  })
})

describe('the response of another server', () => {
  it('is not collected beyond the same budget', async () => {
    contentBudget.useHeap(heapOf(8 * MIB))
    async function* huge() {
      for (;;) yield new Uint8Array(100_000)
    }
    await expect(new Response(huge() as never).text()).rejects.toThrow(
      expect.objectContaining({ status: 413 }),
    )
    contentBudget.useHeap(heapOf(Number.MAX_SAFE_INTEGER))
  })
})
