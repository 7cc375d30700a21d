/** Tells of changes to source files, a burst of them as one. */
import { type FSWatcher, watch } from 'node:fs'

/** Editors write a file in several steps, and save several files at once. */
const SETTLE_MS = 60
const SOURCE = /\.(ts|c|h|S|ld|json|html)$/

export class SourceWatch {
  private readonly watchers: FSWatcher[]
  private readonly changed = new Set<string>()
  private timer: NodeJS.Timeout | undefined
  private waiting: ((files: string[]) => void) | undefined

  /** Watches the folders and all below them. */
  constructor(folders: readonly string[]) {
    this.watchers = folders.map((folder) =>
      watch(folder, { recursive: true }, (_event, file) => this.note(file)),
    )
  }

  /** Resolves with the names of the files that have changed since it was last called. */
  next(): Promise<string[]> {
    return new Promise((resolve) => {
      this.waiting = resolve
      this.settle()
    })
  }

  close(): void {
    clearTimeout(this.timer)
    for (const watcher of this.watchers) watcher.close()
  }

  private note(file: string | null): void {
    if (file === null || !SOURCE.test(file) || /(^|\/)(node_modules|build|\.git)\//.test(file))
      return
    this.changed.add(file)
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
