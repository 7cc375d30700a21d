/** Request and Response against Node's, and their bodies from every source (Fetch §5.3 to §5.5). */
import { describe, expect, it } from 'vitest'
import { Request as OurRequest } from '../../../../../kernel/userland/web/request.ts'
import { Response as OurResponse } from '../../../../../kernel/userland/web/response.ts'
import { URLSearchParams as OurParams } from '../../../../../kernel/userland/web/url-search-params.ts'

async function* pieces() {
  yield 'grü'
  yield new Uint8Array([0xc3, 0x9f])
  yield 'e'
}

describe('a body', () => {
  it.each([
    ['text', () => 'grüße'],
    ['bytes', () => new TextEncoder().encode('grüße')],
    ['a buffer', () => new TextEncoder().encode('grüße').buffer as ArrayBuffer],
    ['a view into a buffer', () => new TextEncoder().encode('--grüße--').subarray(2, 9)],
    ['an async iterable', pieces],
    ['the body of another', () => new OurResponse(pieces()).body!],
  ])('of %s is read as text, bytes and in pieces', async (_name, make) => {
    expect(await new OurResponse(make()).text()).toBe('grüße')
    expect(Buffer.from(await new OurResponse(make()).bytes()).toString()).toBe('grüße')
    expect(Buffer.from(await new OurResponse(make()).arrayBuffer()).toString()).toBe('grüße')
    const found: Uint8Array[] = []
    for await (const piece of new OurResponse(make()).body!) found.push(piece)
    expect(Buffer.concat(found).toString()).toBe('grüße')
  })

  it('is read once', async () => {
    const response = new OurResponse('[1]')
    expect(response.bodyUsed).toBe(false)
    expect(await response.json()).toEqual([1])
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
  })

  it('that is absent reads as empty and stays unused', async () => {
    const response = new OurResponse()
    expect([await response.text(), await response.text()]).toEqual(['', ''])
    expect([response.body, response.bodyUsed]).toEqual([null, false])
  })

  it('loses a byte order mark as text, and malformed JSON rejects', async () => {
    expect(await new OurResponse('\ufeffa').text()).toBe(await new Response('\ufeffa').text())
    await expect(new OurResponse('{').json()).rejects.toThrow(SyntaxError)
  })

  it('holds the bytes of the moment it was made', async () => {
    const bytes = new Uint8Array([65])
    const response = new OurResponse(bytes)
    bytes[0] = 66
    expect(await response.text()).toBe('A')
  })

  it('longer than 16 MiB is only read in pieces', async () => {
    async function* endless() {
      for (;;) yield new Uint8Array(1 << 20)
    }
    await expect(new OurResponse(endless()).text()).rejects.toMatchObject({ status: 413 })
  })

  it('is cloned when it is whole', async () => {
    const response = new OurResponse('a', { status: 201, headers: { x: 'y' } })
    const copy = response.clone()
    expect([await copy.text(), await response.text()]).toEqual(['a', 'a'])
    expect([copy.status, copy.headers.get('x')]).toEqual([201, 'y'])
  })

  it('is cloned while it comes: whoever reads first fetches it for both', async () => {
    let made = 0
    async function* counted() {
      for (const piece of ['a', 'b', 'c']) {
        made++
        yield piece
      }
    }
    const response = new OurResponse(counted())
    const copy = response.clone()
    expect(made).toBe(0)
    const pieces: string[] = []
    for await (const piece of copy.body!) pieces.push(Buffer.from(piece).toString())
    expect([pieces, made, copy.bodyUsed, response.bodyUsed]).toEqual([
      ['a', 'b', 'c'],
      3,
      true,
      false,
    ])
    expect(await response.text()).toBe('abc')
    const one = new OurResponse(counted())
    const second = one.clone()
    expect(await Promise.all([one.text(), second.clone().text(), second.text()])).toEqual([
      'abc',
      'abc',
      'abc',
    ])
  })

  it('whose clones both leave is told so; one that stays gets all, and what broke breaks both', async () => {
    let isLeft = false
    async function* endless() {
      try {
        for (;;) yield 'x'
      } finally {
        isLeft = true
      }
    }
    const response = new OurResponse(endless())
    const copy = response.clone()
    for await (const _ of copy.body!) break
    expect(isLeft).toBe(false)
    for await (const _ of response.body!) break
    await expect.poll(() => isLeft).toBe(true)
    async function* breaks() {
      yield 'x'
      throw new RangeError('broken on purpose')
    }
    const broken = new OurResponse(breaks())
    const twin = broken.clone()
    await expect(broken.text()).rejects.toThrow('on purpose')
    await expect(twin.text()).rejects.toThrow('on purpose')
  })

  it('of a clone that falls 16 MiB behind is given up, not kept', async () => {
    async function* long() {
      for (let count = 0; count < 20; count++) yield new Uint8Array(1 << 20)
    }
    const response = new OurResponse(long())
    const copy = response.clone()
    let length = 0
    for await (const piece of response.body!) length += piece.length
    expect(length).toBe(20 << 20)
    await expect(copy.text()).rejects.toMatchObject({ status: 413 })
  })

  it('of a clone behind in pieces of a byte counts what the pieces take', async () => {
    async function* small() {
      for (let count = 0; count < 70_000; count++) yield new Uint8Array(1)
    }
    const response = new OurResponse(small())
    const copy = response.clone()
    expect((await response.arrayBuffer()).byteLength).toBe(70_000)
    await expect(copy.text()).rejects.toMatchObject({ status: 413 })
  })

  it('in pieces of any size is joined in order', async () => {
    const sizes = [1, 5000, 0, 2047, 2048, 16_384, 3, ...Array.from({ length: 30 }, () => 999)]
    const pieces = sizes.map((size, index) => new Uint8Array(size).fill(index + 1))
    async function* all() {
      yield* pieces
    }
    expect(Buffer.from(await new OurResponse(all()).arrayBuffer())).toEqual(Buffer.concat(pieces))
  })
})

describe('Response', () => {
  it.each([
    [undefined, undefined],
    ['a', {}],
    ['a', { status: 404, statusText: 'Gone fishing' }],
    ['a', { headers: { 'content-type': 'text/html' } }],
    [null, { status: 204 }],
    ['a', { status: 204 }],
    ['a', { status: 199 }],
    ['a', { status: 600 }],
    ['a', { statusText: 'line\nbreak' }],
  ] as [string | null | undefined, ResponseInit | undefined][])(
    'of %j and %j is made as Node does',
    (body, init) => {
      const facts = (Type: typeof Response | typeof OurResponse) => {
        try {
          const response = new Type(body, init as never)
          const { status, statusText, ok, redirected, type, url } = response
          const headers = [...response.headers]
          return { status, statusText, ok, redirected, type, url, headers }
        } catch (error) {
          return (error as Error).name
        }
      }
      expect(facts(OurResponse)).toEqual(facts(Response))
    },
  )

  it('is made of JSON, of form fields, and redirects', async () => {
    const json = OurResponse.json({ a: 1 }, { status: 201 })
    expect([json.status, json.headers.get('content-type')]).toEqual([201, 'application/json'])
    expect(await json.text()).toBe('{"a":1}')
    const form = new OurResponse(new OurParams('a=b c'))
    expect(form.headers.get('content-type')).toBe(
      new Response(new URLSearchParams('a=b')).headers.get('content-type'),
    )
    expect(await form.text()).toBe('a=b+c')
    const redirect = OurResponse.redirect('http://h/x', 307)
    expect([redirect.status, redirect.headers.get('location')]).toEqual([307, 'http://h/x'])
    expect(() => OurResponse.redirect('http://h/', 200)).toThrow(RangeError)
  })

  it('has no properties of its own that a router could trip over: all are getters of the prototype', () => {
    const descriptor = Object.getOwnPropertyDescriptor(OurResponse.prototype, 'status')
    expect(descriptor?.get).toBeTypeOf('function')
    expect(Object.keys(new OurRequest('http://h/'))).not.toContain('url')
    expect(Object.getOwnPropertyDescriptor(OurRequest.prototype, 'url')?.get).toBeTypeOf('function')
  })
})

describe('Request', () => {
  it.each([
    ['http://h/a?b', {}],
    ['http://h', { method: 'post', body: 'x' }],
    ['http://h', { method: 'patch' }],
    ['http://h', { method: 'TRACE' }],
    ['http://h', { method: 'a b' }],
    ['http://h', { body: 'x' }],
    ['http://u:p@h', {}],
    ['nonsense', {}],
  ] as [string, RequestInit][])('of %j and %j is made as Node does', (url, init) => {
    const facts = (Type: typeof Request | typeof OurRequest) => {
      try {
        const request = new Type(url, init as never)
        const { method, bodyUsed } = request
        return { method, bodyUsed, url: request.url, headers: [...request.headers] }
      } catch (error) {
        return (error as Error).name
      }
    }
    expect(facts(OurRequest)).toEqual(facts(Request))
  })

  it('is made of another one, whose body it takes', async () => {
    const first = new OurRequest('http://h/', { method: 'PUT', body: 'x', headers: { a: 'b' } })
    const second = new OurRequest(first, { headers: { c: 'd' } })
    expect([second.method, second.headers.get('a'), second.headers.get('c')]).toEqual([
      'PUT',
      null,
      'd',
    ])
    expect([await second.text(), first.bodyUsed]).toEqual(['x', true])
    expect(second.signal.aborted).toBe(false)
  })
})

describe('Request and Response', () => {
  it('have no properties of their own, as in Node: routers copy and wrap them', () => {
    for (const it of [
      new OurRequest('http://a/', { method: 'POST', body: 'x' }),
      new OurResponse('x'),
    ]) {
      expect(Object.keys(it)).toEqual([])
      expect({ ...it }).toEqual({})
    }
  })
})
