/**
 * Bundles an app with those web globals that it names, and with the HTTP server when it has a default export. Neither
 * is part of the image, so that what an app does not use costs nothing at boot.
 */
import { join } from 'node:path'
import type { BuildOptions, BuildResult } from 'esbuild'
import * as webGlobals from '../../kernel/web/globals.ts'

type BundleOptions = BuildOptions & { metafile: true }
type Build = (options: BundleOptions) => Promise<BuildResult<BundleOptions>>

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
    inject: [join(root, 'kernel/web/globals.ts')],
    define: Object.fromEntries(Object.keys(webGlobals).map((name) => [`globalThis.${name}`, name])),
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
