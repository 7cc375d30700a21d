/**
 * A private root for apt: reads and downloads Debian packages while the machine's package lists,
 * its configuration and what is installed stay as they are. The archive and its key come from the
 * machine's own Debian source entry.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildError } from '../build/build-error.ts'
import { type ToolResult, tryTool } from '../build/run-tool.ts'
import { type DebianSource, parseSources } from './debian-sources.ts'

/** The release that packages come from; the archive keyring of the release before verifies it. */
export const SUITE = 'trixie'
const APT_DIRECTORY = '/etc/apt'

export interface AptRequest {
  /** For messages: what is wanted, e.g. `QuickJS`. */
  readonly what: string
  /**
   * For messages: what a person can do instead, e.g. `set QUICKJS_DIR to …`; without one, nothing
   * is said.
   */
  readonly otherwise?: string
  readonly types: 'deb' | 'deb-src'
}

function findDebianSource({ what, otherwise }: AptRequest): DebianSource {
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
  const advice = otherwise === undefined ? '' : `, or ${otherwise}`
  throw new BuildError(
    `Cannot fetch ${what}: ${APT_DIRECTORY} names no Debian archive; add one${advice}`,
  )
}

export class PrivateAptRoot {
  /** Downloads land here. */
  readonly directory: string
  private readonly request: AptRequest

  private constructor(directory: string, request: AptRequest) {
    this.directory = directory
    this.request = request
  }

  /**
   * Makes the root and reads the package lists into it; throws BuildError. The caller closes it.
   */
  static async open(request: AptRequest): Promise<PrivateAptRoot> {
    const source = findDebianSource(request)
    const root = new PrivateAptRoot(await mkdtemp(join(tmpdir(), 'eremite-apt-')), request)
    try {
      const { directory } = root
      await mkdir(join(directory, 'state/lists/partial'), { recursive: true })
      await mkdir(join(directory, 'cache/archives/partial'), { recursive: true })
      // Nothing is installed here: what the machine has must not decide which version is wanted.
      await writeFile(join(directory, 'state/status'), '')
      const key = source.signedBy === undefined ? '' : `[signed-by=${source.signedBy}] `
      const entry = `${request.types} ${key}${source.uri} ${SUITE} main\n`
      await writeFile(join(directory, 'sources.list'), entry)
      await root.mustRun(`read the package lists of ${SUITE}`, 'apt-get', ['update'])
      return root
    } catch (error) {
      await root.close()
      throw error
    }
  }

  /** Downloads all files of a source package. */
  async downloadSource(packageName: string): Promise<void> {
    const args = ['source', '--download-only', packageName]
    await this.mustRun(`download the source of ${packageName}`, 'apt-get', args)
  }

  /** Downloads one binary package, verified by apt. */
  async downloadPackage(packageName: string): Promise<void> {
    await this.mustRun(`download ${packageName}`, 'apt-get', ['download', packageName])
  }

  /** The control stanzas of those packages that exist, as one text. */
  async show(packageNames: readonly string[]): Promise<string> {
    // Its status only says that some name is unknown, which the caller sees in what is missing.
    const result = await this.run('apt-cache', ['show', '--no-all-versions', ...packageNames])
    return result.stdout
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }

  private run(command: 'apt-get' | 'apt-cache', args: readonly string[]): Promise<ToolResult> {
    const options = [
      `Dir::State=${join(this.directory, 'state')}`,
      `Dir::State::status=${join(this.directory, 'state/status')}`,
      `Dir::Cache=${join(this.directory, 'cache')}`,
      `Dir::Etc::sourcelist=${join(this.directory, 'sources.list')}`,
      'Dir::Etc::sourceparts=-',
      'Dir::Etc::preferences=-',
      'Dir::Etc::preferencesparts=-',
      'APT::Sandbox::User=',
      'Acquire::Retries=3',
      // Without this, an update that reached no server counts as a success.
      'APT::Update::Error-Mode=any',
      'Acquire::Languages=none',
    ]
    const words = [...options.flatMap((option) => ['-o', option]), '-qq', ...args]
    return tryTool(command, words, this.directory)
  }

  private async mustRun(
    action: string,
    command: 'apt-get' | 'apt-cache',
    args: readonly string[],
  ): Promise<void> {
    const result = await this.run(command, args)
    if (result.status === 0) return
    const lines = result.stderr.split('\n')
    const cause = lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? ''
    const advice = this.request.otherwise === undefined ? '' : `, or ${this.request.otherwise}`
    throw new BuildError(
      `Cannot ${action} for ${this.request.what}: ${cause.trim()}; check the network${advice}`,
    )
  }
}
