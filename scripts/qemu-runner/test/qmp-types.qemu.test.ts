/**
 * The committed QMP types against the installed QEMU: what this package relies on is still there.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { emitQmpTypes } from '../generate/emit-qmp-types.ts'
import { readQmpSchema, type SchemaOfQemu } from '../generate/read-qmp-schema.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const GENERATED = join('qmp', 'schema.generated.ts')

let installed: SchemaOfQemu
beforeAll(async () => {
  installed = await readQmpSchema()
})

/**
 * The compiler's complaints about this package's sources with `types` in place of the committed
 * ones.
 */
function complaints(types: string): Promise<string> {
  // Inside the repository, so that the types of Node.js are found.
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, 'build/test/qmp-types-'))
  cpSync(join(PACKAGE, 'src'), join(folder, 'src'), { recursive: true })
  writeFileSync(join(folder, 'src', GENERATED), types)
  const configuration = { extends: join(ROOT, 'test/tsconfig.json'), include: ['src'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  return new Promise((resolve, reject) => {
    execFile(tsc, ['-p', folder], { timeout: 60_000 }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true, force: true })
      if (error !== null && stdout === '') reject(new Error(`Cannot run tsc: ${stderr}`))
      else resolve(stdout)
    })
  })
}

describe('the QMP schema of the installed QEMU', () => {
  it('gives the committed types when it is of the same version', () => {
    const committed = readFileSync(join(PACKAGE, 'src', GENERATED), 'utf8')
    const version = committed.match(/QMP of QEMU ([\d.]+)/)?.[1]
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    const regenerated = emitQmpTypes(installed.entries, installed.version)
    if (version === installed.version) expect(regenerated).toBe(committed)
    else expect(regenerated).not.toBe(committed)
  })

  it('has every command, argument, result and event that this package uses', async () => {
    expect(await complaints(emitQmpTypes(installed.entries, installed.version))).toBe('')
  })

  it('would be missed if it lacked one (the check can fail)', async () => {
    const without = installed.entries.map((entry) =>
      entry.name === 'dump-guest-memory' ? { ...entry, name: 'dump-nothing' } : entry,
    )
    expect(await complaints(emitQmpTypes(without, installed.version))).toContain(
      'dump-guest-memory',
    )
  })
})
