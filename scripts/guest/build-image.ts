/** Builds the image and the app by scripts/build.ts, and says where they are. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { RunError } from './run-error.ts'

export const ROOT = resolve(import.meta.dirname, '../..')
export const IMAGE = join(ROOT, 'build/x86_64/eremite.elf')

/** That KVM does not work here, for accelerator-memory.ts. */
export const KVM_MEMORY = join(ROOT, 'build/kvm-refused.json')

export interface BuiltImage {
  readonly kernel: string
  /** The app's container for `-initrd`. */
  readonly initrd: string | undefined
  readonly elapsedMs: number
}

/** The builder's own output is shown; it names what is wrong, so the error here is short. */
export async function buildImage(app: string | undefined): Promise<BuiltImage> {
  const startedAt = performance.now()
  const words = app === undefined ? [] : [`APP=${app}`]
  const status = await new Promise<number>((done, fail) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'scripts/build.ts'), ...words],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    child.once('error', fail)
    child.once('close', (code) => done(code ?? 1))
  })
  if (status !== 0) {
    throw new RunError('Cannot build the image', 'mend what the lines above name')
  }
  return {
    kernel: IMAGE,
    initrd: app === undefined ? undefined : appContainer(app),
    elapsedMs: performance.now() - startedAt,
  }
}

/** As scripts/build.ts names it: `path/to/app.ts` is `app`, `path/to/echo/main.ts` is `echo`. */
export function appContainer(app: string): string {
  const name = basename(app).replace(/\.[cm]?[jt]sx?$/, '')
  const folder = basename(resolve(app, '..'))
  const path = join(
    ROOT,
    'build/x86_64',
    `${name === 'main' || name === 'index' ? folder : name}.app`,
  )
  if (!existsSync(path)) {
    throw new RunError(
      `Cannot find the built app: ${relative(ROOT, path)} is missing`,
      'make clean, then make run again',
    )
  }
  return path
}
