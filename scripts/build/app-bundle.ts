/**
 * Bundles an app with those web globals that it names, and with the HTTP server when it has a default export. Neither
 * is part of the image, so that what an app does not use costs nothing at boot.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { BuildOptions, BuildResult, Plugin } from 'esbuild'
import * as webGlobals from '../../kernel/web/globals.ts'

type BundleOptions = BuildOptions & { metafile: true }
type Build = (options: BundleOptions) => Promise<BuildResult<BundleOptions>>

/** What kernel/web/network-globals.ts exports: it can be loaded in the guest only. */
const NETWORK_GLOBALS = ['fetch']
const GLOBAL_NAMES = [...Object.keys(webGlobals), ...NETWORK_GLOBALS]

/** The streams are this project's dependency, not the app's, and 60 KiB that only those who name them shall carry. */
const streams: Plugin = {
  name: 'streams',
  setup(build) {
    build.onResolve({ filter: /^web-streams-polyfill$/ }, ({ importer }) => {
      if (!importer.endsWith('kernel/web/globals.ts')) return undefined
      const library = createRequire(importer).resolve('web-streams-polyfill')
      return { path: library.replace(/\.js$/, '.mjs'), sideEffects: false }
    })
  },
}

export async function bundleApp(
  build: Build,
  shared: BundleOptions,
  root: string,
  entry: string,
): Promise<BuildResult<BundleOptions>> {
  const options = {
    ...shared,
    // Packages from before `exports` name their files so.
    mainFields: ['module', 'main'],
    // A free name is taken from this file; what nothing names is left out again by tree shaking.
    inject: ['globals.ts', 'network-globals.ts'].map((name) => join(root, 'kernel/web', name)),
    define: Object.fromEntries(GLOBAL_NAMES.map((name) => [`globalThis.${name}`, name])),
    plugins: [streams],
  }
  const plain = await build({ ...options, entryPoints: [entry] })
  const outputs = Object.values(plain.metafile.outputs)
  if (!outputs.some((output) => output.exports.includes('default'))) return plain
  return build({
    ...options,
    entryPoints: [join(root, 'kernel/web/main.ts')],
    alias: { 'eremite:app': entry },
  })
}
