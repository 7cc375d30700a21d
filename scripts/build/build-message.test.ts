/** Errors of the bundler, as a person reads them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuildFailure, build } from 'esbuild'
import { expect, it } from 'vitest'
import { displayPath, formatBuildErrors } from './build-message.ts'

async function errorsOf(contents: string): Promise<string> {
  const stdin = {
    contents,
    loader: 'tsx' as const,
    sourcefile: 'app.ts',
    resolveDir: process.cwd(),
  }
  const shared = { bundle: true, write: false, logLevel: 'silent', jsx: 'automatic' } as const
  const failure = (await build({ ...shared, stdin }).catch(
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
  ['node:async_hooks', /there is no AsyncLocalStorage/],
  ['no-such-package/part', /npm install no-such-package, in the app's folder/],
  ['@scope/none/deep', /npm install @scope\/none, /],
  ['./none', /there is no such file/],
])('say what to do when %s cannot be resolved', async (name, advice) => {
  expect(await errorsOf(`import '${name}'`)).toMatch(advice)
})

it('say what to do with files that are no code, and with JSX of nobody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'build-message-'))
  writeFileSync(join(folder, 'a.wav'), '')
  writeFileSync(join(folder, 'b.node'), '')
  expect(await errorsOf(`import '${join(folder, 'a.wav')}'`)).toMatch(
    /No loader .*: say what it shall be, as in: import it from '\.\/file' with \{ type: 'text' \}/,
  )
  expect(await errorsOf(`import '${join(folder, 'b.node')}'`)).toMatch(/runs no native code/)
  rmSync(folder, { recursive: true })
  expect(await errorsOf('export default <p />')).toMatch(
    /JSX is taken from react: install it, or begin the file with \/\*\* @jsxImportSource hono\/jsx/,
  )
})

it('shorten paths only within the working directory', () => {
  expect(displayPath(join(process.cwd(), 'a/b.ts'))).toBe('a/b.ts')
  expect(displayPath('/elsewhere/b.ts')).toBe('/elsewhere/b.ts')
})
