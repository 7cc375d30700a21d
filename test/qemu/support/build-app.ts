/**
 * Builds an app of test/qemu/apps, or one given by its path in the project, as a person does, and
 * names the container.
 */
import { execFile } from 'node:child_process'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './paths.ts'

/** What a test file has asked for before: to see that it is up to date takes half a second. */
const built = new Map<string, Promise<string>>()

export function buildApp(name: string): Promise<string> {
  let container = built.get(name)
  if (container === undefined) {
    container = build(name)
    built.set(name, container)
    container.catch(() => built.delete(name))
  }
  return container
}

async function build(name: string): Promise<string> {
  const entry = join(ROOT, name.includes('/') ? '' : 'test/qemu/apps', name)
  const command = ['--import', 'tsx', join(ROOT, 'scripts/build.ts'), `APP=${entry}`]
  await promisify(execFile)(process.execPath, command, { cwd: ROOT })
  return join(ROOT, 'build/x86_64', `${basename(name).replace(/\.tsx?$/, '')}.app`)
}
