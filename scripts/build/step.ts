/**
 * One build step that is skipped when nothing it depends on has changed: its key (flags, tools) and
 * the content of its inputs, remembered in a stamp file beside the output.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

export interface InputState {
  readonly mtimeMs: number
  readonly size: number
  readonly hash: string
}

export interface Stamp {
  readonly key: string
  /**
   * Absolute, as the inputs are: a folder that was copied or moved names those of where it was.
   */
  readonly output: string
  /** Null: the file was not there, and would be an input if it were. */
  readonly inputs: Record<string, InputState | null>
}

export interface Step {
  readonly outputs: readonly [string, ...string[]]
  /** Everything that shapes the result and is no file: command lines, versions, names. */
  readonly key: string
  /**
   * Does the work; resolves with the files that were read, and those that would have been if they
   * were there.
   */
  readonly run: () => Promise<readonly string[]>
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

export function stateOf(path: string): InputState | null {
  const state = statSync(path, { throwIfNoEntry: false })
  if (state === undefined) return null
  return { mtimeMs: state.mtimeMs, size: state.size, hash: hashOf(path) }
}

export function stampPath(output: string): string {
  return `${output}.stamp`
}

/** Undefined when there is none that can be read. */
export function readStamp(path: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stamp
  } catch {
    return undefined
  }
}

export function isUnchanged(path: string, state: InputState | null): boolean {
  const now = statSync(path, { throwIfNoEntry: false })
  if (now === undefined || state === null) return now === undefined && state === null
  if (now.mtimeMs === state.mtimeMs && now.size === state.size) return true
  return now.size === state.size && hashOf(path) === state.hash
}

/**
 * What was written while the step ran may have been read before: the next run takes it for changed.
 */
function stateSince(startMs: number, path: string): InputState | null {
  const state = stateOf(path)
  return state === null || state.mtimeMs <= startMs ? state : { ...state, size: -1 }
}

/** True when the step had to run. */
export async function runStep(step: Step): Promise<boolean> {
  const output = resolve(step.outputs[0])
  const path = stampPath(output)
  const stamp = readStamp(path)
  if (
    stamp !== undefined &&
    stamp.key === step.key &&
    stamp.output === output &&
    step.outputs.every((output) => existsSync(output)) &&
    Object.entries(stamp.inputs).every(([input, state]) => isUnchanged(input, state))
  ) {
    return false
  }
  const startMs = Date.now()
  const inputs: Stamp['inputs'] = {}
  for (const input of await step.run()) inputs[input] = stateSince(startMs, input)
  writeFileSync(path, JSON.stringify({ key: step.key, output, inputs } satisfies Stamp))
  return true
}
