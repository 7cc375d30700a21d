/**
 * Finds QuickJS, verifies it and unpacks it into the build directory: from QUICKJS_DIR, the
 * download cache, or Debian's source package. It is never patched.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BuildError } from '../build/build-error.ts'
import { runTool } from '../build/run-tool.ts'
import { cacheDirectory } from '../debian/cache-directory.ts'
import { PrivateAptRoot, SUITE } from '../debian/private-apt-root.ts'
import { Progress } from '../terminal/progress.ts'

export const ENGINE_VERSION = '2025-04-26'
export const ENGINE_TARBALL = 'quickjs_2025.04.26.orig.tar.xz'
export const ENGINE_SHA256 = 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe'

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function verify(path: string): void {
  const found = sha256(path)
  if (found !== ENGINE_SHA256) {
    throw new BuildError(
      `Cannot use ${path}: its SHA-256 is ${found}, not ${ENGINE_SHA256}; delete it and build again`,
    )
  }
}

function isEngineTree(directory: string): boolean {
  const version = join(directory, 'VERSION')
  return (
    existsSync(join(directory, 'quickjs.c')) &&
    existsSync(version) &&
    readFileSync(version, 'utf8').trim() === ENGINE_VERSION
  )
}

async function unpack(tarball: string, target: string): Promise<void> {
  const partial = `${target}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const args = ['-xJf', tarball, '-C', partial, '--strip-components=1']
  await runTool(`unpack ${tarball}`, 'tar', args)
  await writeFile(join(partial, '.sha256'), `${ENGINE_SHA256}\n`)
  await rm(target, { recursive: true, force: true })
  await rename(partial, target)
}

/** The tarball in the download cache, fetched if need be. */
async function fetchTarball(): Promise<string> {
  const cache = cacheDirectory()
  const cached = join(cache, ENGINE_TARBALL)
  if (existsSync(cached)) {
    verify(cached)
    return cached
  }
  await mkdir(cache, { recursive: true })
  const progress = new Progress('Fetching QuickJS from the Debian source package', { plain: true })
  const root = await PrivateAptRoot.open({
    what: 'QuickJS',
    otherwise: 'set QUICKJS_DIR to a directory that holds the tarball',
    types: 'deb-src',
  }).catch((error: unknown) => {
    progress.end()
    throw error
  })
  try {
    await root.downloadSource('quickjs')
    const downloaded = join(root.directory, ENGINE_TARBALL)
    if (!existsSync(downloaded)) {
      throw new BuildError(
        `Cannot fetch ${ENGINE_TARBALL}: ${SUITE} holds another version of quickjs now; set QUICKJS_DIR`,
      )
    }
    verify(downloaded)
    await copyFile(downloaded, `${cached}.${process.pid}`)
    await rename(`${cached}.${process.pid}`, cached)
  } finally {
    progress.end()
    await root.close()
  }
  return cached
}

/** The directory of the engine's source; `directory` is where an unpacked copy may be kept. */
export async function findEngine(directory: string): Promise<string> {
  const given = process.env.QUICKJS_DIR
  const target = join(directory, `quickjs-${ENGINE_VERSION}`)
  let tarball: string | undefined
  if (given !== undefined && given !== '') {
    if (isEngineTree(resolve(given))) return resolve(given)
    tarball = join(resolve(given), ENGINE_TARBALL)
    if (!existsSync(tarball)) {
      throw new BuildError(
        `Cannot find QuickJS in QUICKJS_DIR=${given}: it holds neither ${ENGINE_TARBALL} nor its unpacked tree`,
      )
    }
    verify(tarball)
  }
  if (isEngineTree(target)) return target
  await unpack(tarball ?? (await fetchTarball()), target)
  return target
}
