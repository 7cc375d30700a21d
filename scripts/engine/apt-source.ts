/**
 * Downloads a Debian source package through apt with a private root, so that neither the machine's package lists nor
 * its configuration change. The archive and its key come from the machine's own Debian source entry.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildError } from '../build/build-error.ts'
import { tryTool } from '../build/run-tool.ts'
import { type DebianSource, parseSources } from './debian-sources.ts'

/** The release whose source package is wanted; the archive keyring of the release before verifies it. */
const SUITE = 'trixie'
const APT_DIRECTORY = '/etc/apt'
const HELP = 'or set QUICKJS_DIR to a directory that holds the tarball'

function findDebianSource(): DebianSource {
  const parts = join(APT_DIRECTORY, 'sources.list.d')
  const names = existsSync(parts) ? readdirSync(parts).sort() : []
  const files = [
    ...names.filter((name) => /\.(sources|list)$/.test(name)).map((name) => join(parts, name)),
    join(APT_DIRECTORY, 'sources.list'),
  ]
  for (const file of files.filter((path) => existsSync(path))) {
    const source = parseSources(readFileSync(file, 'utf8'), file.endsWith('.sources'))
    if (source !== undefined) return source
  }
  throw new BuildError(
    `Cannot fetch QuickJS: ${APT_DIRECTORY} names no Debian archive; add one, ${HELP}`,
  )
}

async function runApt(action: string, directory: string, args: string[]): Promise<void> {
  const options = [
    `Dir::State=${join(directory, 'state')}`,
    `Dir::Cache=${join(directory, 'cache')}`,
    `Dir::Etc::sourcelist=${join(directory, 'sources.list')}`,
    'Dir::Etc::sourceparts=-',
    'APT::Sandbox::User=',
    'Acquire::Retries=3',
    // Without this, an update that reached no server counts as a success.
    'APT::Update::Error-Mode=any',
    'Acquire::Languages=none',
  ]
  const result = await tryTool(
    'apt-get',
    [...options.flatMap((option) => ['-o', option]), '-qq', ...args],
    directory,
  )
  if (result.status !== 0) {
    const lines = result.stderr.split('\n')
    const cause = lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? ''
    throw new BuildError(`Cannot ${action}: ${cause.trim()}; check the network, ${HELP}`)
  }
}

/** Fetches one file of a source package; the caller removes the directory. */
export async function downloadWithApt(
  packageName: string,
  fileName: string,
): Promise<{ path: string; directory: string }> {
  const source = findDebianSource()
  const directory = await mkdtemp(join(tmpdir(), 'eremite-apt-'))
  try {
    await mkdir(join(directory, 'state/lists/partial'), { recursive: true })
    await mkdir(join(directory, 'cache/archives/partial'), { recursive: true })
    const key = source.signedBy === undefined ? '' : `[signed-by=${source.signedBy}] `
    await writeFile(join(directory, 'sources.list'), `deb-src ${key}${source.uri} ${SUITE} main\n`)
    await runApt(`read the package lists of ${SUITE}`, directory, ['update'])
    const args = ['source', '--download-only', packageName]
    await runApt(`download the source of ${packageName}`, directory, args)
    const path = join(directory, fileName)
    if (!existsSync(path)) {
      throw new BuildError(
        `Cannot fetch ${fileName}: ${SUITE} holds another version of ${packageName} now; set QUICKJS_DIR`,
      )
    }
    return { path, directory }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
