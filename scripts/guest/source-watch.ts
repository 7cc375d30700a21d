/**
 * Tells of changes to the files that a build was made of, a burst of them as one. Folders are
 * watched, not files: editors and git put a new file in an old one's place.
 */
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import { isUnchanged } from '../build/step.ts'
import type { BuildInputs } from './build-inputs.ts'

/** Editors write a file in several steps, and save several files at once. */
const SETTLE_MS = 60
/** What editors leave beside a file for a moment, what is hidden, and what nobody edits. */
const PASSING = /^\.|~$|^4913$|^#.*#$|\.sw[a-z]$|^node_modules$/

/** Where to look, and which of the files found there have changed already. */
interface Sight {
  readonly folders: readonly string[]
  readonly depth: number | undefined
  readonly isIgnored: (path: string, isFile: boolean) => boolean
  readonly sinceMs: number
}

export class SourceWatch {
  private inputs: BuildInputs = new Map()
  /** A build failed: any file may be what it misses. */
  private takesAll = false
  private watcher: FSWatcher | undefined
  private readonly changed = new Set<string>()
  private timer: NodeJS.Timeout | undefined
  private waiting: ((files: string[]) => void) | undefined

  /** From now on only these matter; those that are no longer what was built count as changed. */
  async followInputs(inputs: BuildInputs): Promise<void> {
    this.inputs = inputs
    this.takesAll = false
    await this.replace({
      folders: [...inhabited(inputs)],
      depth: 0,
      isIgnored: (path, isFile) => isFile && !inputs.has(path),
      sinceMs: Number.POSITIVE_INFINITY,
    })
    for (const [path, state] of inputs) if (!isUnchanged(path, state)) this.note(path)
  }

  /**
   * After a build that began at `sinceMs` (of the wall clock) and failed: what was followed before,
   * and everything in the folders and below them.
   */
  async followFolders(
    folders: readonly string[],
    except: readonly string[],
    sinceMs: number,
  ): Promise<void> {
    this.takesAll = true
    const { inputs } = this
    const known = inhabited(inputs)
    const isIgnored = (path: string) => {
      if (known.has(path) || inputs.has(path) || folders.includes(path)) return false
      const isBelow = folders.some((folder) => path.startsWith(`${folder}/`))
      return !isBelow || PASSING.test(basename(path)) || except.includes(path)
    }
    const all = [...folders, ...known]
    await this.replace({ folders: all, depth: undefined, isIgnored, sinceMs })
  }

  /** Resolves with the paths of the files that have changed since it was last called. */
  next(): Promise<string[]> {
    return new Promise((resolve) => {
      this.waiting = resolve
      this.settle()
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.timer)
    await this.watcher?.close()
  }

  /**
   * Watchers of one folder share what the kernel tells of it, and that is deaf once another folder
   * is in its place.
   */
  private async replace(sight: Sight): Promise<void> {
    await this.watcher?.close()
    const { folders, depth, isIgnored, sinceMs } = sight
    const watcher = watch(
      folders.filter((folder) => existsSync(folder)),
      {
        ignored: (path, stats) => isIgnored(path, stats?.isFile() === true),
        ...(depth === undefined ? {} : { depth }),
      },
    )
    this.watcher = watcher
    let isReady = false
    watcher.on('all', (_event, path, stats) => {
      if (isReady || (stats?.isFile() === true && stats.mtimeMs > sinceMs)) this.note(path)
    })
    // A folder that cannot be read shows when the bundler wants something of it.
    watcher.on('error', () => undefined)
    await new Promise<void>((resolve) => watcher.once('ready', resolve))
    isReady = true
  }

  private note(path: string): void {
    if (!this.takesAll && !this.inputs.has(path)) return
    this.changed.add(path)
    this.settle()
  }

  private settle(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      const { waiting } = this
      if (waiting === undefined || this.changed.size === 0) return
      this.waiting = undefined
      const files = [...this.changed]
      this.changed.clear()
      waiting(files)
    }, SETTLE_MS)
  }
}

/** Where something is: what would count if it came is not waited for all the way up to the root. */
function inhabited(inputs: BuildInputs): Set<string> {
  const present = [...inputs.keys()].filter((path) => inputs.get(path) !== null)
  return new Set(present.map((path) => dirname(path)))
}
