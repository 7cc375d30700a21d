/** Downloads the Linux guest's packages into the cache, once, with a line of progress each. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from '../../build/build-error.ts'
import { cacheDirectory } from '../../debian/cache-directory.ts'
import { type DebianPackage, parseControlStanzas } from '../../debian/control-stanza.ts'
import { PrivateAptRoot, SUITE } from '../../debian/private-apt-root.ts'
import { formatBytes } from '../../guest/text-table.ts'
import { KERNEL_METAPACKAGE, PROGRAM_PACKAGES, selectPackages } from './select-packages.ts'

export interface FetchedPackage {
  readonly name: string
  readonly version: string
  /** The archive, a path. */
  readonly path: string
}

const MANIFEST = 'packages.json'

/** What the cache was filled for, and with what. */
export interface Manifest {
  readonly wanted: readonly string[]
  readonly packages: readonly { name: string; version: string; file: string; bytes: number }[]
}

/** A cache that was filled for anything else is filled anew. */
export const WANTED: readonly string[] = [SUITE, KERNEL_METAPACKAGE, ...PROGRAM_PACKAGES]

/** Throws BuildError, one line, when they cannot be had. */
export async function fetchPackages(): Promise<FetchedPackage[]> {
  const cache = join(cacheDirectory(), 'linux-guest')
  const manifest = readManifest(cache) ?? (await download(cache))
  return manifest.packages.map(({ name, version, file }) => ({
    name,
    version,
    path: join(cache, file),
  }))
}

/**
 * A cache that was filled for something else, or of which a file is missing or cut short, does not
 * count.
 */
export function readManifest(cache: string): Manifest | undefined {
  let manifest: Manifest
  try {
    manifest = JSON.parse(readFileSync(join(cache, MANIFEST), 'utf8')) as Manifest
  } catch {
    return undefined
  }
  const isWhole =
    manifest.wanted.join() === WANTED.join() &&
    manifest.packages.every(({ file, bytes }) => {
      const archive = join(cache, file)
      return existsSync(archive) && statSync(archive).size === bytes
    })
  return isWhole ? manifest : undefined
}

async function download(cache: string): Promise<Manifest> {
  console.log(`Linux guest: reading the package lists of ${SUITE} …`)
  const root = await PrivateAptRoot.open({ what: 'the Linux guest', types: 'deb' })
  const partial = `${cache}.${process.pid}`
  try {
    const selected = await findPackages(root)
    const total = selected.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
    console.log(`Linux guest: ${selected.length} packages, ${formatBytes(roundToMiB(total))}`)
    await mkdir(partial, { recursive: true })
    const packages: Manifest['packages'][number][] = []
    for (const [index, { name, version, lengthBytes }] of selected.entries()) {
      const size = lengthBytes > 1 << 20 ? `, ${formatBytes(roundToMiB(lengthBytes))}` : ''
      console.log(`  ${index + 1}/${selected.length} ${name} ${version}${size}`)
      await root.downloadPackage(name)
      const file = (await readdir(root.directory)).find((path) => path.startsWith(`${name}_`))
      if (file === undefined) throw new BuildError(`Cannot find ${name}: apt left no archive`)
      await copyFile(join(root.directory, file), join(partial, file))
      packages.push({ name, version, file, bytes: statSync(join(partial, file)).size })
    }
    const manifest: Manifest = { wanted: WANTED, packages }
    await writeFile(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
    await rm(cache, { recursive: true, force: true })
    await rename(partial, cache)
    return manifest
  } finally {
    await rm(partial, { recursive: true, force: true })
    await root.close()
  }
}

/** Asks apt for the stanzas that the selection still lacks, until it lacks none. */
async function findPackages(root: PrivateAptRoot): Promise<readonly DebianPackage[]> {
  const known = new Map<string, DebianPackage>()
  const absent = new Set<string>()
  for (;;) {
    const { selected, unknown } = selectPackages(known, absent)
    if (unknown.length === 0) {
      requireAll(selected)
      return selected
    }
    const answered = parseControlStanzas(await root.show(unknown))
    for (const [name, found] of answered) known.set(name, found)
    for (const name of unknown) if (!answered.has(name)) absent.add(name)
  }
}

function requireAll(selected: readonly DebianPackage[]): void {
  const names = new Set(selected.map(({ name }) => name))
  const missing: string[] = PROGRAM_PACKAGES.filter((name) => !names.has(name))
  if (!selected.some(({ name }) => name.startsWith('linux-image-')))
    missing.push(KERNEL_METAPACKAGE)
  if (missing.length > 0) {
    throw new BuildError(`Cannot build the Linux guest: ${SUITE} has no ${missing.join(', ')}`)
  }
}

function roundToMiB(bytes: number): number {
  return Math.max(1, Math.round(bytes / (1 << 20))) * (1 << 20)
}
