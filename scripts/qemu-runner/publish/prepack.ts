/**
 * `npm pack` and `npm publish` run this first: JavaScript and declarations into dist/, and the
 * manifest that leads to them.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PACKAGE, putPublishedManifest } from './published-manifest.ts'

rmSync(join(PACKAGE, 'dist'), { recursive: true, force: true })
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
const tsc = join(typescript, 'bin', 'tsc')
const words = [tsc, '-p', join(PACKAGE, 'tsconfig.build.json')]
execFileSync(process.execPath, words, { stdio: ['ignore', process.stderr, process.stderr] })
for (const path of readdirSync(join(PACKAGE, 'dist'), { recursive: true, encoding: 'utf8' })) {
  if (path.endsWith('.d.ts')) nameJavaScript(join(PACKAGE, 'dist', path))
}
// Compiled where it is used.
copyFileSync(join(PACKAGE, 'src/relay/relay.c'), join(PACKAGE, 'dist/relay/relay.c'))
putPublishedManifest()

/** The compiler leaves `./vm.ts` in declarations; the file beside them is vm.js. */
function nameJavaScript(path: string): void {
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/(from |import\()(['"]\.[^'"]*)\.ts(['"])/g, '$1$2.js$3'))
}
