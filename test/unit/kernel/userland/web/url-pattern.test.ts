/** URLPattern is the polyfill's, over our URL: what people match with it. */
import { beforeAll, describe, expect, it } from 'vitest'
import { URL as OurUrl } from '../../../../../kernel/userland/web/url.ts'

type Pattern = typeof import('urlpattern-polyfill/urlpattern')['URLPattern']
let URLPattern: Pattern

beforeAll(async () => {
  // The bundler puts ours in the place of the free name.
  globalThis.URL = OurUrl as never
  URLPattern = (await import('urlpattern-polyfill/urlpattern')).URLPattern
  return () => {
    globalThis.URL = nodesUrl
  }
})
const nodesUrl = globalThis.URL

describe('URLPattern', () => {
  it.each([
    ['/users/:id', '/users/7?q=1', { id: '7' }],
    ['/files/*', '/files/a/b.txt', { 0: 'a/b.txt' }],
    ['/:year(\\d{4})/:rest*', '/2024/a/b', { year: '2024', rest: 'a/b' }],
    ['/books{/:id}?', '/books', {}],
    ['/grüße/:wer', '/gr%C3%BC%C3%9Fe/alle', { wer: 'alle' }],
  ])('%s matches %s', (pathname, path, groups) => {
    const found = new URLPattern({ pathname }).exec(`http://guest${path}`)
    const given = Object.entries(found!.pathname.groups).filter(([, value]) => value !== undefined)
    expect(Object.fromEntries(given)).toEqual(groups)
  })

  it('matches other parts, and refuses what does not fit', () => {
    const pattern = new URLPattern('http://*.example:8080/a/:b\\?c=*')
    expect(pattern.test('http://api.example:8080/a/1?c=2')).toBe(true)
    expect(pattern.test('http://api.example/a/1?c=2')).toBe(false)
    expect(pattern.test('https://api.example:8080/a/1?c=2')).toBe(false)
    expect(new URLPattern({ pathname: '/:id(\\d+)' }).test('http://guest/x')).toBe(false)
    expect(() => new URLPattern({ pathname: '/(' })).toThrow(TypeError)
  })
})
