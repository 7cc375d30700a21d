/** What is said when an app formats with a locale, which this engine ignores. */
import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'

let notice: string
beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [
      new URL('../../../../../kernel/userland/web/locale-notice.ts', import.meta.url).pathname,
    ],
    bundle: true,
    format: 'iife',
    write: false,
  })
  notice = outputFiles[0]!.text
})

/** What `code` gives and what is logged, in an engine of its own. */
function run(code: string): { value: unknown; lines: string[] } {
  const lines: string[] = []
  const console = { warn: (...values: unknown[]) => lines.push(values.join(' ')) }
  return { value: runInNewContext(`${notice};${code}`, { console }), lines }
}

describe('a locale or options that are ignored', () => {
  it.each([
    [
      "(1.5).toLocaleString('de')",
      /^toLocaleString ignores its locale and options: there is no Intl/,
    ],
    ['(1.5).toLocaleString(undefined, { minimumFractionDigits: 2 })', /^toLocaleString/],
    ["1n.toLocaleString('de')", /^toLocaleString/],
    ["[1].toLocaleString('de')", /^toLocaleString/],
    ["new Uint8Array(1).toLocaleString('de')", /^toLocaleString/],
    ["new Date(0).toLocaleString('de')", /^toLocaleString/],
    ["new Date(0).toLocaleDateString('de')", /^toLocaleDateString/],
    ["new Date(0).toLocaleTimeString([], { hour: '2-digit' })", /^toLocaleTimeString/],
    ["'a'.localeCompare('b', 'de')", /^localeCompare/],
    ["'a'.localeCompare('b', undefined, { numeric: true })", /^localeCompare/],
    ["'a'.toLocaleUpperCase('tr')", /^toLocaleUpperCase/],
    ["'a'.toLocaleLowerCase('tr')", /^toLocaleLowerCase/],
  ])('%s is noted', (code, line) => {
    expect(run(code).lines).toEqual([expect.stringMatching(line)])
  })

  it('are noted once', () => {
    const code =
      "for (let n = 0; n < 9; n++) { n.toLocaleString('de'); 'a'.localeCompare('b', 'de') }"
    expect(run(code).lines).toHaveLength(1)
  })

  it.each([
    ['(5).toLocaleString()'],
    ['(5).toLocaleString(undefined)'],
    ["'a'.localeCompare('b')"],
    ["['b', 'a'].sort((x, y) => x.localeCompare(y)).join()"],
    ["'ä'.toLocaleUpperCase()"],
    ['[1, 2].toLocaleString()'],
  ])('are not there in %s, which gives what it gave', (code) => {
    const { value, lines } = run(code)
    expect(lines).toEqual([])
    // biome-ignore lint/security/noGlobalEval: the same code without the notice.
    expect(value).toEqual(eval(code))
  })

  it('are noted by methods that look as before', () => {
    const { value } = run(`[Number, Date, String].flatMap((it) =>
      ['toLocaleString', 'localeCompare'].filter((name) => Object.hasOwn(it.prototype, name)).map((name) => {
        const { value, ...rest } = Object.getOwnPropertyDescriptor(it.prototype, name)
        return [value.name, value.length, 'prototype' in value, JSON.stringify(rest)]
      })).join()`)
    const attributes = '{"writable":true,"enumerable":false,"configurable":true}'
    expect(value).toBe(
      [
        `toLocaleString,0,false,${attributes}`,
        `toLocaleString,0,false,${attributes}`,
        `localeCompare,1,false,${attributes}`,
      ].join(),
    )
    expect(() => run('Number.prototype.toLocaleString.call("x", "de")')).toThrow()
  })
})
