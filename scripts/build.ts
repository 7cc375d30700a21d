/**
 * Builds the image: `tsx scripts/build.ts [APP=path/to/app.ts] [KERNEL=path] [BUILTIN=path]
 * [OUT=directory]`. Steps whose inputs, flags and tools have not changed are skipped.
 */
import { mkdir } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { BuildError } from './build/build-error.ts'
import { withBuildLock } from './build/build-lock.ts'
import { compileProgram } from './build/compiled/compiled-program.ts'
import { buildEngine } from './build/engine-objects.ts'
import { buildImage } from './build/image.ts'
import { buildProgram } from './build/program.ts'
import { findToolchain } from './build/toolchain.ts'
import { findEngine } from './engine/find-engine.ts'
import { checkApp } from './guest/check-app.ts'
import { OPTION_NAMES, refuseUnknownMakeVariables } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'

const root = resolve(import.meta.dirname, '..')
const KERNEL_ENTRY = join(root, 'kernel/main.ts')

interface Options {
  readonly kernelEntry: string
  readonly builtinEntry: string
  readonly appEntry: string | undefined
  readonly buildDirectory: string
}

function parseOptions(words: string[]): Options {
  const values = new Map<string, string>()
  // make exports what is given on its command line.
  refuseUnknownMakeVariables(process.env, OPTION_NAMES, 'build')
  if (process.env.APP) values.set('APP', resolve(process.env.APP))
  for (const word of words) {
    const match = /^(APP|KERNEL|BUILTIN|OUT)=(.*)$/.exec(word)
    if (match === null) {
      throw new BuildError(
        `Cannot build: unknown option "${word}"; known are APP=, KERNEL=, BUILTIN= and OUT=`,
      )
    }
    if (match[2] !== '') values.set(match[1]!, resolve(match[2]!))
  }
  checkApp(values.get('APP'))
  return {
    kernelEntry: values.get('KERNEL') ?? KERNEL_ENTRY,
    builtinEntry: values.get('BUILTIN') ?? join(root, 'kernel/userland/services/main.ts'),
    appEntry: values.get('APP'),
    buildDirectory: values.get('OUT') ?? join(root, 'build'),
  }
}

/** `path/to/app.ts` is the app `app`; `path/to/echo/main.ts` is the app `echo`. */
function appName(entry: string): string {
  const name = basename(entry).replace(/\.[cm]?[jt]sx?$/, '')
  return name === 'main' || name === 'index' ? basename(resolve(entry, '..')) : name
}

/** Names whose files in the build directory belong to the image itself. */
const RESERVED_NAMES = ['eremite', 'builtin', 'kernel']

async function build(options: Options): Promise<void> {
  const target = join(options.buildDirectory, 'x86_64')
  const toolchain = await findToolchain()
  const engineSource = await findEngine(join(options.buildDirectory, 'engine'))
  const engine = buildEngine({ root, target, toolchain, engineSource })
  const kernelProgram = {
    name: 'eremite',
    entry: options.kernelEntry,
    external: ['eremite:native'],
    output: join(target, 'kernel.container'),
    positions: join(target, 'kernel.positions'),
  }
  const builtinProgram = { name: 'builtin', entry: options.builtinEntry, external: ['eremite'] }
  const shared = { root, target, engine }
  const programs = [
    buildProgram({ ...shared, ...kernelProgram }),
    buildProgram({ ...shared, ...builtinProgram, output: join(target, 'builtin.app') }),
  ]
  if (options.appEntry !== undefined) {
    const name = appName(options.appEntry)
    if (RESERVED_NAMES.includes(name)) {
      throw new BuildError(`Cannot build an app named ${name}: the image uses that name; rename it`)
    }
    const output = join(target, `${name}.app`)
    const app = { name, entry: options.appEntry, external: ['eremite'], output, isApp: true }
    programs.push(buildProgram({ ...shared, ...app }))
  }
  const sources = { ...shared, toolchain, engineSource }
  const isPacketKernel = options.kernelEntry === KERNEL_ENTRY
  const compiled = compileProgram({ ...sources, program: programs[0]!, isPacketKernel })
  // Awaited with the image; a failure of the program is told first.
  compiled.catch(() => {})
  const [image, ...changes] = await Promise.all([
    buildImage({ ...sources, programs: programs.slice(0, 2), compiled, isPacketKernel }),
    ...programs,
  ])
  tell(image.changed, image.path)
  if (options.appEntry !== undefined) {
    tell(changes[2] === true, join(target, `${appName(options.appEntry)}.app`))
  }
}

function tell(changed: boolean, path: string): void {
  console.log(`${changed ? 'Built' : 'Up to date:'} ${relative(process.cwd(), path)}`)
}

try {
  const options = parseOptions(process.argv.slice(2))
  await mkdir(join(options.buildDirectory, 'x86_64'), { recursive: true })
  await withBuildLock(options.buildDirectory, () => build(options))
} catch (error) {
  if (error instanceof RunError) console.error(`build: ${error.line}`)
  else if (error instanceof BuildError) console.error(error.message)
  else throw error
  process.exitCode = 1
}
