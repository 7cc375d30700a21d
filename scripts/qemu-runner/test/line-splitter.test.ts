/** Bytes to lines: whatever the cuts, and without end. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LineSplitter } from '../src/line-splitter.ts'

it('gives the same lines however the bytes are cut, characters included', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n]/g, ''))),
      fc.array(fc.nat(7)),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(''))
        const splitter = new LineSplitter()
        const found: string[] = []
        let at = 0
        for (const cut of cuts) {
          found.push(...splitter.push(bytes.subarray(at, at + cut)))
          at += cut
        }
        found.push(...splitter.push(bytes.subarray(at)))
        expect(found).toEqual(lines)
      },
    ),
  )
})

it('breaks a line that does not end after a mebibyte, in linear time', () => {
  const splitter = new LineSplitter()
  const chunk = Buffer.alloc(1024, 'x')
  const lines: string[] = []
  const startedAt = performance.now()
  for (let count = 0; count < 8 * 1024; count++) lines.push(...splitter.push(chunk))
  expect(performance.now() - startedAt).toBeLessThan(5000)
  expect(lines.length + 1).toBeGreaterThanOrEqual(8)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(1 << 20)
  const total = lines.reduce((sum, line) => sum + line.length, 0) + splitter.partial.length
  expect(total).toBe(8 << 20)
})
