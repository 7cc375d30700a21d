/**
 * One build step that is skipped when nothing it depends on has changed: its key (flags, tools) and the content of
 * its inputs, remembered in a stamp file beside the output.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'

interface InputState {
  readonly mtimeMs: number
  readonly size: number
  readonly hash: string
}

interface Stamp {
  readonly key: string
  readonly inputs: Record<string, InputState>
}

export interface Step {
  readonly outputs: readonly [string, ...string[]]
  /** Everything that shapes the result and is no file: command lines, versions, names. */
  readonly key: string
  /** Does the work; resolves with the files that were read. */
  readonly run: () => Promise<readonly string[]>
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function stateOf(path: string): InputState {
  const { mtimeMs, size } = statSync(path)
  return { mtimeMs, size, hash: hashOf(path) }
}

function readStamp(path: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stamp
  } catch {
    return undefined
  }
}

function isUnchanged(path: string, state: InputState): boolean {
  const now = statSync(path, { throwIfNoEntry: false })
  if (now === undefined) return false
  if (now.mtimeMs === state.mtimeMs && now.size === state.size) return true
  return now.size === state.size && hashOf(path) === state.hash
}

/** True when the step had to run. */
export async function runStep(step: Step): Promise<boolean> {
  const stampPath = `${step.outputs[0]}.stamp`
  const stamp = readStamp(stampPath)
  if (
    stamp !== undefined &&
    stamp.key === step.key &&
    step.outputs.every((path) => existsSync(path)) &&
    Object.entries(stamp.inputs).every(([path, state]) => isUnchanged(path, state))
  ) {
    return false
  }
  const inputs: Record<string, InputState> = {}
  for (const path of await step.run()) inputs[path] = stateOf(path)
  writeFileSync(stampPath, JSON.stringify({ key: step.key, inputs }))
  return true
}
