/**
 * Whether an app uses Buffer, or packages of it only ask whether there is one: those have another
 * way for places without, and Buffer's 60 KiB stay at home.
 */
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Loader, Plugin } from 'esbuild'

const NAMED = /\bBuffer\b/
/** `typeof Buffer`, and what is asked of the global object without failing where there is none. */
const PROBE = /\btypeof\s+(?:(?:globalThis|global|self|window)\.)?Buffer\b/
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
          // Without comments and types.
          const { code } = await build.esbuild.transform(text, { loader })
          return NAMED.test(code) && !PROBE.test(code)
        })
        isUsed = (await Promise.all(answers)).includes(true)
      })
    },
  }
  return { plugin, isUsed: () => isUsed }
}
