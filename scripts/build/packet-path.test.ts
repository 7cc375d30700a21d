/** The list of what packets meet names functions that there are, and finds them in a bundle. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { expect, it } from 'vitest'
import { PACKET_PATH, packetPath } from './packet-path.ts'

const ROOT = join(import.meta.dirname, '../..')
const NAMES = JSON.parse(readFileSync(PACKET_PATH, 'utf8')) as string[]
/**
 * Functions get new names all the time, and a name too many does no harm; a list of nothing else is
 * one to count anew.
 */
const MOST_GONE = 0.15

it('names functions that there are', () => {
  const gone = NAMES.filter((entry) => {
    const [name, file] = [entry.slice(0, entry.lastIndexOf(' ')), entry.split(' ').at(-1)!]
    const path = join(ROOT, file)
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(`${name}(`)
  })
  expect(gone.length, `gone: ${gone.join(', ')}`).toBeLessThan(MOST_GONE * NAMES.length)
  expect(NAMES.length).toBeGreaterThan(100)
})

it('finds functions, methods and getters by name and file, and no namesakes of other files', () => {
  const source = `class A { take() { return 1 } get size() { return 2 } other() { return 3 } }
export function planRun() { return new A() }`
  const find = (sourcefile: string) => {
    const { code, map } = transformSync(source, { loader: 'ts', sourcemap: true, sourcefile })
    const options = { bundle: code, sourceMap: map, path: join(ROOT, 'a.js'), root: ROOT }
    return [...packetPath(options)].map((at) =>
      code
        .slice(code.lastIndexOf('\n', at) + 1, at + 22)
        .trim()
        .slice(0, 20),
    )
  }
  expect(find('net/socket/tcp/send/segment-plan.ts')).toEqual(['export function plan'])
  expect(find('net/socket/tcp/ready-list.ts')).toEqual([expect.stringContaining('take()')])
  expect(find('net/somewhere-else.ts')).toEqual([])
})
