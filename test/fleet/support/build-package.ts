/** `make package` as a person runs it. */
import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../../qemu/support/paths.ts'

/**
 * Resolves with a copy of the folder, which the next package of that app does not change; the
 * caller removes it.
 */
export async function buildPackage(app: string, settings: string, append = ''): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'eremite-package-'))
  const environment = join(folder, 'settings')
  writeFileSync(environment, settings)
  const words = [`APP=${app}`, `ENV=${environment}`, `APPEND=${append}`]
  const command = ['--import', 'tsx', join(ROOT, 'scripts/package.ts'), ...words]
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT })
  const built = /^Built (\S+\/package\/\S+)\/;/m.exec(stdout)?.[1]
  if (built === undefined) throw new Error(`Cannot find the package in: ${stdout}`)
  await cp(join(ROOT, built), folder, { recursive: true })
  return folder
}
