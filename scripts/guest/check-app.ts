/** The app that an option names, looked at before any work is done. */
import { statSync } from 'node:fs'
import { RunError } from './run-error.ts'

const SOURCE = /\.[cm]?[jt]sx?$/

/** Throws RunError when `app` is no source file; undefined is the built-in app. */
export function checkApp(app: string | undefined): void {
  if (app === undefined) return
  const state = statSync(app, { throwIfNoEntry: false })
  const problem =
    state === undefined
      ? 'there is no such file'
      : !state.isFile()
        ? 'it is not a file'
        : SOURCE.test(app)
          ? undefined
          : 'it is not TypeScript'
  if (problem !== undefined) {
    throw new RunError(`Cannot read APP=${app}: ${problem}`, 'give the path of a .ts file')
  }
}
