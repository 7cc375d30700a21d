/**
 * The cache of request heads: the same answers as without it, bounded, and no place for refused or
 * long heads.
 */
import { describe, expect, it } from 'vitest'
import { frameRequest } from '../../../../../kernel/userland/http/framing.ts'
import { HeadCache } from '../../../../../kernel/userland/http/head-cache.ts'
import { parseRequestHead } from '../../../../../kernel/userland/http/request-head.ts'

const text = (path: string, padding = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\nX: ${padding}\r`

describe('HeadCache', () => {
  it('reads as the parsers do, the first time and again', () => {
    const cache = new HeadCache()
    for (let round = 0; round < 2; round++) {
      const read = cache.read(text('/a'))
      if (!('framing' in read)) throw new Error(read.head.reason)
      const head = parseRequestHead(text('/a'))
      expect(read.head).toEqual(head)
      expect(read.framing).toEqual(frameRequest(read.head))
    }
    expect(cache.read(text('/a'))).toBe(cache.read(text('/a')))
  })

  it('tells heads apart that differ in one character', () => {
    const cache = new HeadCache()
    const paths = ['/a', '/b', '/a'].map((path) => cache.read(text(path)).head)
    expect(paths).toMatchObject([{ path: '/a' }, { path: '/b' }, { path: '/a' }])
  })

  it('keeps neither refused nor long heads, and 64 at most, the latest ones', () => {
    const cache = new HeadCache()
    expect(cache.read('nonsense').head).toMatchObject({ status: 400 })
    cache.read(text('/long', 'x'.repeat(2000)))
    expect(cache.size).toBe(0)
    const first = cache.read(text('/0'))
    for (let index = 1; index <= 64; index++) cache.read(text(`/${index}`))
    expect(cache.size).toBe(64)
    const last = cache.read(text('/64'))
    expect(cache.read(text('/64'))).toBe(last)
    expect(cache.read(text('/0'))).not.toBe(first)
  })
})
