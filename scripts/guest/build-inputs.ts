/** The files that the last build was made of, from what its steps have noted. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type InputState, readStamp, stampPath, stateOf } from '../build/step.ts'

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
  const objects = join(target, 'obj/boot')
  const names = existsSync(objects)
    ? readdirSync(objects, { recursive: true, encoding: 'utf8' })
    : []
  const outputs = [
    ...['kernel.container', 'builtin.app', 'obj/eremite.linked.elf', 'eremite.elf'].map((name) =>
      join(target, name),
    ),
    ...names.filter((name) => name.endsWith('.o')).map((name) => join(objects, name)),
    ...(app === undefined ? [] : [app]),
  ]
  const inputs = new Map<string, InputState | null>()
  for (const output of outputs) {
    for (const [path, state] of Object.entries(readStamp(stampPath(output))?.inputs ?? {})) {
      if (!path.startsWith(join(target, '..')) && !path.startsWith('/usr/')) inputs.set(path, state)
    }
  }
  for (const path of settings) inputs.set(path, stateOf(path))
  return inputs
}
