/**
 * make dev sees every change of what it has built, however an editor writes it, and nothing else.
 */
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SourceWatch } from '../source-watch.ts'

let folder = ''
let watch: SourceWatch

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'source-watch-'))
  watch = new SourceWatch()
})
afterEach(async () => {
  await watch.close()
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string) => join(folder, name)

function write(name: string, text = name): string {
  writeFileSync(at(name), text)
  return at(name)
}

function follow(...names: string[]): Promise<void> {
  const states = names.map((name) => {
    const state = statSync(at(name), { throwIfNoEntry: false })
    return [at(name), state === undefined ? null : { ...state, hash: '' }] as const
  })
  return watch.followInputs(new Map(states))
}

/** What changed, or nothing within half a second. */
async function changes(): Promise<string[]> {
  const found = await Promise.race([watch.next(), delay(500)])
  return (found ?? []).map((path) => path.slice(folder.length + 1)).sort()
}

describe('after a build', () => {
  it.each([
    ['in place', () => write('page.css', 'changed')],
    [
      'by a new file in its place',
      () => renameSync(write('page.css.tmp', 'changed'), at('page.css')),
    ],
    [
      'by keeping the old one and writing another',
      () => {
        renameSync(at('page.css'), at('page.css~'))
        write('page.css', 'changed')
        unlinkSync(at('page.css~'))
      },
    ],
    [
      'by removing it and writing it later',
      async () => {
        unlinkSync(at('page.css'))
        await delay(20)
        write('page.css', 'changed')
      },
    ],
  ])('sees a file written %s, each time again', async (_way, change) => {
    for (const name of ['page.css', 'app.tsx']) write(name)
    await follow('page.css', 'app.tsx')
    for (let round = 0; round < 3; round++) {
      await change()
      expect(await changes()).toEqual(['page.css'])
    }
  })

  it('sees what the folder that git has put in place of another holds', async () => {
    mkdirSync(at('lib'))
    write('app.ts')
    write('lib/a.ts')
    for (let round = 0; round < 2; round++) {
      await follow('app.ts', 'lib/a.ts')
      rmSync(at('lib'), { recursive: true })
      mkdirSync(at('lib'))
      write('lib/a.ts', 'other branch')
      expect(await changes()).toEqual(['lib/a.ts'])
    }
  })

  it('sees a file come that was looked for, and a change while it was building', async () => {
    write('app.ts')
    await follow('app.ts', 'tsconfig.json')
    write('tsconfig.json')
    expect(await changes()).toEqual(['tsconfig.json'])
    const before = { ...statSync(at('app.ts')), size: 0, hash: '' }
    await watch.followInputs(new Map([[at('app.ts'), before]]))
    expect(await changes()).toEqual(['app.ts'])
  })

  it('hears nothing of other files', async () => {
    write('app.ts')
    await follow('app.ts')
    write('app.log')
    write('other.ts')
    expect(await changes()).toEqual([])
  })
})

describe('after a build that failed', () => {
  it('sees whatever may be what was missing, in new folders too, and no passing files', async () => {
    write('old.ts')
    utimesSync(at('old.ts'), new Date(0), new Date(0))
    write('app.ts')
    await watch.followFolders([folder], [at('build')], 1000)
    expect(await changes()).toEqual(['app.ts'])
    mkdirSync(at('views'))
    await delay(50)
    write('views/page.tsx')
    expect(await changes()).toContain('views/page.tsx')
    write('.app.ts.swp')
    write('app.ts~')
    mkdirSync(at('build'))
    write('build/x')
    expect(await changes()).toEqual([])
  })
})
