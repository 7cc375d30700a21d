/**
 * Whether an app uses Buffer, or packages of it only ask whether there is one: those that do
 * without are told that there is none, and Buffer's 60 KiB stay at home.
 */
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Loader, Plugin, transform } from 'esbuild'

const NAMED = /\bBuffer\b/
/** Whether there is one, which `typeof Buffer.from` does not ask. */
const QUESTION =
  /\btypeof\s+(?:(?:globalThis|global|self|window)\.)?Buffer\b(?!\s*(?:\?\.|[.[(`]))/g
/** Taken as a value, to be used under another name, perhaps where nobody asks. */
const HELD = /(?<!\binstanceof\s)\bBuffer\b(?!\s*(?:\?\.|[.[(]))/
const THROW = /\bthrow\b/g
const THROWN = /\bthrown_\d+_/g
const IN_PACKAGE = /(?:^|[\\/])node_modules[\\/]/
/** A name in a namespace of a plugin's, or of what a package leaves out in browsers. */
const NO_FILE = /^[^/]*:/
const LOADERS: Readonly<Record<string, Loader>> = {
  ...{ '.js': 'js', '.mjs': 'js', '.cjs': 'js', '.jsx': 'jsx' },
  ...{ '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.tsx': 'tsx' },
}

export interface BufferUse {
  /** For the build whose files are looked at; it must have a metafile. */
  readonly plugin: Plugin
  /** Once that build is done. */
  readonly isUsed: () => boolean
}

export function lookForBuffer(): BufferUse {
  let isUsed = false
  const plugin: Plugin = {
    name: 'buffer-use',
    setup(build) {
      const folder = build.initialOptions.absWorkingDir ?? process.cwd()
      build.onEnd(async ({ metafile }) => {
        const outputs = Object.values(metafile?.outputs ?? {})
        // What tree shaking has left of them.
        const files = outputs.flatMap(({ inputs }) =>
          Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
        )
        const answers = files.map(async ([name]) => {
          const loader = LOADERS[extname(name)]
          if (loader === undefined || NO_FILE.test(name)) return false
          const text = await readFile(resolve(folder, name), 'utf8')
          if (!NAMED.test(text)) return false
          try {
            return await needsBuffer(build.esbuild.transform, text, loader, IN_PACKAGE.test(name))
          } catch {
            // Syntax that only the app's own tsconfig.json explains, or a question within a string.
            return true
          }
        })
        isUsed = (await Promise.all(answers)).includes(true)
      })
    },
  }
  return { plugin, isUsed: () => isUsed }
}

/**
 * An app's own file does when it names Buffer at all. One of a package does when, with every
 * question whether there is a Buffer answered with no, something is left that names Buffer, or that
 * throws and would not have with a yes; or when with a yes it holds on to Buffer by another name.
 */
async function needsBuffer(
  run: typeof transform,
  text: string,
  loader: Loader,
  isOfPackage: boolean,
): Promise<boolean> {
  const plain = await run(text, {
    ...{ loader, legalComments: 'none' },
    // Or decorators of parameters are none.
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
  })
  if (!NAMED.test(plain.code)) return false
  if (!isOfPackage) return true
  let throws = 0
  // As assignments, each with a name: what follows a `throw` would go as dead code.
  const named = plain.code.replace(THROW, () => `thrown_${throws++}_=`)
  const answer = async (type: string) => {
    const code = named.replace(QUESTION, `"${type}"`)
    return (await run(code, { loader: 'js', minifySyntax: true })).code
  }
  const without = await answer('undefined')
  if (NAMED.test(without)) return true
  const having = await answer('function')
  if (HELD.test(having)) return true
  const thrownWith = new Set(having.match(THROWN))
  return (without.match(THROWN) ?? []).some((it) => !thrownWith.has(it))
}
