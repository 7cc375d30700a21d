/** Field lines known by sight say what they say when they are read, and are bounded. */
import { expect, it } from 'vitest'
import { readField } from '../../../../../kernel/userland/http/header-fields.ts'
import { readKnownField } from '../../../../../kernel/userland/http/known-lines.ts'
import { parseRequestHead } from '../../../../../kernel/userland/http/request-head.ts'

const LINES = [
  ...['Host: guest', 'X-Empty:', 'Accept:  */* \t', `Cookie: ${'a'.repeat(300)}`, 'UPPER: \xe9'],
  ...['', 'no colon', ' folded', '\tfolded', 'bad name: x', 'A : b', 'A: \0', ': x'],
]

it('are what they are, the first time, the second, and after many others', () => {
  for (let round = 0; round < 3; round++) {
    for (const line of LINES) expect(readKnownField(line), line).toEqual(readField(line))
    for (let other = 0; other < 200 * round; other++) readKnownField(`X-${other}: ${round}`)
  }
})

it('are remembered, the last 128 of up to 256 characters', () => {
  const read = (line: string) => readKnownField(line)
  const first = read('X-First: 1')
  expect(read('X-First: 1')).toBe(first)
  for (let other = 0; other < 127; other++) read(`X-Other: ${other}`)
  expect(read('X-First: 1')).toBe(first)
  read('X-Last: 1')
  expect(read('X-First: 1')).not.toBe(first)
  const long = `X-Long: ${'x'.repeat(250)}`
  expect(read(long)).not.toBe(read(long))
  expect(read('no field')).toBe(read('no field'))
})

it('give each request values of its own', () => {
  const text = 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r'
  const [one, other] = [parseRequestHead(text), parseRequestHead(text)]
  if ('status' in one || 'status' in other) throw new Error('refused')
  expect(one.fields.get('x')).toEqual(['1', '2'])
  ;(one.fields.get('x') as string[]).push('3')
  expect(other.fields.get('x')).toEqual(['1', '2'])
  expect(parseRequestHead(text)).toEqual(other)
})
