/** Errors of the bundler, as a person reads them. */
import { join } from 'node:path'
import { type BuildFailure, build } from 'esbuild'
import { expect, it } from 'vitest'
import { displayPath, formatBuildErrors } from './build-message.ts'

async function errorsOf(contents: string): Promise<string> {
  const stdin = { contents, loader: 'ts' as const, sourcefile: 'app.ts', resolveDir: process.cwd() }
  const failure = (await build({ stdin, bundle: true, write: false, logLevel: 'silent' }).catch(
    (error: unknown) => error,
  )) as BuildFailure
  return formatBuildErrors(failure.errors, process.cwd())
}

it('name place and reason, and mark the spot', async () => {
  expect(await errorsOf('\n  const broken: = 1')).toBe(
    'app.ts:2:17: Unexpected "="\n    const broken: = 1\n                  ^',
  )
})

it.each([
  ['node:fs', /the guest is not Node\.js/],
  ['path', /the guest is not Node\.js/],
  ['no-such-package/part', /npm install no-such-package, in the app's folder/],
  ['@scope/none/deep', /npm install @scope\/none, /],
  ['./none', /there is no such file/],
])('say what to do when %s cannot be resolved', async (name, advice) => {
  expect(await errorsOf(`import '${name}'`)).toMatch(advice)
})

it('shorten paths only within the working directory', () => {
  expect(displayPath(join(process.cwd(), 'a/b.ts'))).toBe('a/b.ts')
  expect(displayPath('/elsewhere/b.ts')).toBe('/elsewhere/b.ts')
})
