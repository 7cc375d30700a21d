/** A TypeScript entry file becomes a container: esbuild bundle, bytecode, position map. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { BuildFailure, BuildOptions, Metafile } from 'esbuild'
import { bundleApp } from './app-bundle.ts'
import { BuildError } from './build-error.ts'
import { displayPath, formatBuildErrors } from './build-message.ts'
import { configurationFiles } from './configuration-files.ts'
import { encodeContainer } from './container.ts'
import type { EngineBuild } from './engine-objects.ts'
import { tryTool } from './run-tool.ts'
import { runStep } from './step.ts'

export interface ProgramOptions {
  readonly root: string
  readonly target: string
  readonly engine: EngineBuild
  /** The name of the program; the kernel's is `eremite`. */
  readonly name: string
  readonly entry: string
  readonly external: readonly string[]
  readonly output: string
  /** Where its position map goes when the container is to have none. */
  readonly positions?: string
  /** True for a person's app: it finds the web globals, and its default export is served. */
  readonly isApp?: boolean
}

/**
 * Assigning a field in the constructor executes less than defining it in a function of its own; no
 * program can tell the two apart that has neither accessors nor fields without a value, and an
 * app's own configuration is the app's.
 */
const FIELDS_BY_ASSIGNMENT = '{"compilerOptions":{"useDefineForClassFields":false}}'

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors)
}

/** Bundles into `<target>/<name>.js` with its source map; the files that went in. */
async function bundle(options: ProgramOptions, script: string): Promise<string[]> {
  const { build } = await import('esbuild')
  let metafile: Metafile
  try {
    const shared: BuildOptions & { metafile: true } = {
      absWorkingDir: options.root,
      entryPoints: [options.entry],
      outfile: script,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2023',
      charset: 'ascii',
      external: [...options.external],
      // A page stays a file that browsers and editors know; the image holds it as text.
      loader: { '.html': 'text' },
      sourcemap: 'linked',
      sourcesContent: true,
      treeShaking: true,
      metafile: true,
      logLevel: 'silent',
    }
    const result =
      options.isApp === true
        ? await bundleApp(build, shared, options.root, options.entry)
        : await build({ ...shared, tsconfigRaw: FIELDS_BY_ASSIGNMENT })
    metafile = result.metafile
    if (result.warnings.length > 0 && options.isApp === true) {
      console.error(`Warning of ${displayPath(options.entry)}:`)
      console.error(formatBuildErrors(result.warnings, options.root))
    }
  } catch (error) {
    if (!isBuildFailure(error)) throw error
    const name = displayPath(options.entry)
    throw new BuildError(`Cannot bundle ${name}:\n${formatBuildErrors(error.errors, options.root)}`)
  }
  await optimize(options, script)
  const inputs = Object.keys(metafile.inputs).map((path) => resolve(options.root, path))
  return [...inputs, ...configurationFiles(inputs)]
}

/** Rewrites bundle and source map in place. */
async function optimize({ root, isApp }: ProgramOptions, path: string): Promise<void> {
  const [{ optimizeApp, optimizeScript }, { memberTypes }, { moveMap }, { packetPath }] =
    await Promise.all([
      import('./optimize-script.ts'),
      import('./member-types.ts'),
      import('./moved-map.ts'),
      import('./packet-path.ts'),
    ])
  const bundle = readFileSync(path, 'utf8')
  const sourceMap = readFileSync(`${path}.map`, 'utf8')
  const options = { bundle, sourceMap, path, root }
  // An app may be JavaScript, or have types that are not true.
  const moved =
    isApp === true
      ? optimizeApp(bundle)
      : optimizeScript(bundle, await memberTypes(options), packetPath(options))
  writeFileSync(path, moved.text)
  writeFileSync(`${path}.map`, moveMap(bundle, sourceMap, moved))
}

async function compileBundle(options: ProgramOptions, script: string): Promise<Uint8Array> {
  const bytecode = `${options.output}.bytecode`
  const moduleName = options.name === 'eremite' ? options.name : `app:${options.name}`
  const result = await tryTool(await options.engine.compiler, [moduleName, script, bytecode])
  if (result.status !== 0) {
    throw new BuildError(`Cannot compile ${displayPath(script)}:\n${result.stderr}`)
  }
  return readFileSync(bytecode)
}

export async function buildProgram(options: ProgramOptions): Promise<boolean> {
  const script = join(options.target, `${options.name}.js`)
  const compiler = await options.engine.compiler
  return runStep({
    outputs: [options.output, script, `${script}.map`, ...positionFiles(options)],
    key: JSON.stringify([options.name, options.entry, options.external, options.engine.version]),
    async run() {
      const inputs = await bundle(options, script)
      const bytecode = await compileBundle(options, script)
      const { encodePositionMap } = await import('./position-map.ts')
      const encoded = encodePositionMap({
        sourceMap: readFileSync(`${script}.map`, 'utf8'),
        mapDirectory: options.target,
        root: options.root,
      })
      const [positions] = positionFiles(options)
      if (positions !== undefined) writeFileSync(positions, encoded)
      const positionMap = positions === undefined ? encoded : new Uint8Array(0)
      const { name } = options
      const { version } = options.engine
      writeFileSync(options.output, encodeContainer({ name, version, bytecode, positionMap }))
      return [...inputs, compiler, ...BUILD_SOURCES]
    },
  })
}

function positionFiles({ positions }: ProgramOptions): string[] {
  return positions === undefined ? [] : [positions]
}

/** The code that shapes a container is an input of it. */
const BUILD_SOURCES = [
  'program.ts',
  'app-bundle.ts',
  'asset-loaders.ts',
  'configuration-files.ts',
  'optimize-script.ts',
  'parsed-script.ts',
  'line-table.ts',
  'moved-script.ts',
  'moved-map.ts',
  'member-types.ts',
  'inline-constants.ts',
  'inline-calls.ts',
  'expression-place.ts',
  'inlined-calls.ts',
  'inlined-map.ts',
  'inlined-body.ts',
  'inlinable.ts',
  'callees.ts',
  'call-site.ts',
  'argument-movement.ts',
  'function-scope.ts',
  'plain-patterns.ts',
  'container.ts',
  'position-map.ts',
  'packet-path.ts',
  'packet-path.json',
].map((name) => join(import.meta.dirname, name))
