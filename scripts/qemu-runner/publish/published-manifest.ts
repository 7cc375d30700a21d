/**
 * package.json as it is published, and back: in the workspace `exports` lead to the sources, in the
 * tarball to JavaScript.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const MANIFEST = `${PACKAGE}package.json`
/** The workspace's own, while the other is in its place. */
const KEPT = `${PACKAGE}package.json.workspace`

interface Manifest {
  readonly publishConfig?: Readonly<Record<string, unknown>>
  readonly scripts?: unknown
  readonly [field: string]: unknown
}

/**
 * What `publishConfig` holds takes the place of the workspace's own; scripts that only the
 * workspace can run go.
 */
function publishedManifest({ publishConfig, scripts: _, ...manifest }: Manifest): Manifest {
  if (publishConfig?.exports === undefined) {
    throw new Error('Cannot publish: package.json lacks publishConfig.exports')
  }
  return { ...manifest, ...publishConfig }
}

export function putPublishedManifest(): void {
  // Left from a run that was interrupted: it is the true one.
  restoreManifest()
  const text = readFileSync(MANIFEST, 'utf8')
  const published = publishedManifest(JSON.parse(text) as Manifest)
  writeFileSync(KEPT, text)
  writeFileSync(MANIFEST, `${JSON.stringify(published, null, 2)}\n`)
}

export function restoreManifest(): void {
  if (!existsSync(KEPT)) return
  rmSync(MANIFEST)
  renameSync(KEPT, MANIFEST)
}
