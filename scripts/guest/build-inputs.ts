/** The files that the last build was made of, from what its steps have noted. */
import { join } from 'node:path'
import { type InputState, readStamp, type Stamp, stampPath, stateOf } from '../build/step.ts'

/** Path to what the file was when the build read it; null: it was not there. */
export type BuildInputs = ReadonlyMap<string, InputState | null>

/**
 * `target` is the folder of the image, `app` the container of the app. What a build makes itself is
 * left out, and what the system has installed, the engine and libraries. `settings` is what the
 * guest reads when it boots.
 */
export function readBuildInputs(
  target: string,
  app: string | undefined,
  settings: readonly string[],
): BuildInputs {
  const linked = join(target, 'obj/eremite.linked.elf')
  const outputs = [
    ...['kernel.container', 'builtin.app', 'eremite.elf'].map((name) => join(target, name)),
    ...[linked, ...Object.keys(inputsOf(linked)).filter((name) => name.endsWith('.o'))],
    ...(app === undefined ? [] : [app]),
  ]
  const inputs = new Map<string, InputState | null>()
  for (const output of outputs) {
    for (const [path, state] of Object.entries(inputsOf(output))) {
      if (!path.startsWith(join(target, '..')) && !path.startsWith('/usr/')) inputs.set(path, state)
    }
  }
  for (const path of settings) inputs.set(path, stateOf(path))
  return inputs
}

function inputsOf(output: string): Stamp['inputs'] {
  return readStamp(stampPath(output))?.inputs ?? {}
}
