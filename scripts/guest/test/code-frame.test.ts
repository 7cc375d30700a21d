/** The lines of source around a place in a stack trace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { codeFrame } from '../code-frame.ts'

let folder = ''
let file = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-frame-'))
  file = join(folder, 'app.ts')
  const lines = Array.from({ length: 10 }, (_, index) => `line ${index + 1}`)
  lines[8] = '\tfail()'
  writeFileSync(file, lines.join('\n'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('shows the line, its neighbors and the spot', () => {
  expect(codeFrame(`${file}:9:2`)).toBe(
    ['   7 | line 7', '   8 | line 8', '>  9 | \tfail()', '     | \t^', '  10 | line 10'].join(
      '\n',
    ),
  )
  expect(codeFrame(`${file}:1:6`)).toBe(['> 1 | line 1', '    |      ^', '  2 | line 2'].join('\n'))
})

it('is nothing where there is no such place', () => {
  expect(codeFrame(`${file}:99:1`)).toBeUndefined()
  expect(codeFrame('nowhere.ts:1:1')).toBeUndefined()
  expect(codeFrame('native')).toBeUndefined()
})
