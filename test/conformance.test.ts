/**
 * docs/conformance.md: every MUST of RFC 9293 once, each with a test that exists under its title or
 * a deviation with its reason.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('..', import.meta.url).pathname
const LAST_MUST = 69
const LEAST_MET = 65

interface Row {
  readonly id: string
  readonly text: string
  readonly proofs: readonly { readonly file: string; readonly title: string | undefined }[]
  readonly deviation: string | undefined
}

const rows: Row[] = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (MUST|SHLD|RFC)/.test(line))
  .map((line) => {
    // What is behind the third bar is the answer.
    const [, id, answer] = /^\| ([^|]+) \| [^|]+ \| (.+) \|$/.exec(line)!
    const proofs = [...answer!.matchAll(/`((?:test|scripts)\/[^`]+\.ts)`(?: “([^”]+)”)?/g)]
    return {
      id: id!,
      text: line,
      proofs: proofs.map(([, file, title]) => ({ file: file!, title })),
      deviation: /^Deviation: (.+)/.exec(answer!)?.[1],
    }
  })

const musts = rows.filter(({ id }) => id.startsWith('MUST-'))

describe('docs/conformance.md', () => {
  it('has every MUST of RFC 9293 appendix B once, in order', () => {
    const ids = Array.from({ length: LAST_MUST }, (_, index) => `MUST-${index + 1}`)
    expect(musts.map(({ id }) => id)).toEqual(ids)
  })

  it(`has ${LEAST_MET} of them met at least, and says how many`, () => {
    const met = musts.filter(({ deviation }) => deviation === undefined).length
    expect(met).toBeGreaterThanOrEqual(LEAST_MET)
    const page = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8')
    expect(page).toContain(`${met} of the ${LAST_MUST} are met; ${LAST_MUST - met} are deviations`)
  })

  it('gives each requirement a test, or a reason of more than a few words', () => {
    const bare = rows.filter(({ proofs, deviation }) =>
      deviation === undefined ? proofs.length === 0 : deviation.length < 20,
    )
    expect(bare.map(({ text }) => text)).toEqual([])
  })

  it('names tests that exist, under their titles', () => {
    const missing = rows.flatMap(({ id, proofs }) =>
      proofs.flatMap(({ file, title }) => {
        if (!existsSync(join(ROOT, file))) return [`${id}: ${file}`]
        const text = readFileSync(join(ROOT, file), 'utf8')
        if (!/\b(it|test)(\.each|\.for)?\(/.test(text)) return [`${id}: no test in ${file}`]
        const isThere = title === undefined || text.includes(title)
        return isThere ? [] : [`${id}: ${file} has no “${title}”`]
      }),
    )
    expect(missing).toEqual([])
  })

  it('holds more than the MUSTs: SHOULDs and other standards', () => {
    expect(rows.filter(({ id }) => id.startsWith('SHLD')).length).toBeGreaterThan(10)
    expect(rows.filter(({ id }) => id.startsWith('RFC')).length).toBeGreaterThan(15)
  })
})
