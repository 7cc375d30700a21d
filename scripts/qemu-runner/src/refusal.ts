/** How a launch option is refused: one line with the cause and the next step. */
import { statSync } from 'node:fs'
import { LaunchError } from './launch-error.ts'

export function checkFile(name: string, path: string | undefined): void {
  if (path === undefined) return
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) refuse(`${name} ${path} does not exist; build it, or correct the path`)
  else if (found.isDirectory()) refuse(`${name} ${path} is no file; name the image itself`)
}

export function oneOf(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return
  refuse(`${name} is ${value}; give ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`)
}

export function refuse(why: string): never {
  throw new LaunchError(`Cannot launch the guest: ${why}`)
}
