/** Where the tests find the image, and where they leave what outlives them. */
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'

export const ROOT = new URL('../../..', import.meta.url).pathname
export const IMAGE = join(ROOT, 'build/x86_64/eremite.elf')

/** Where failed tests leave what `make postmortem` opens. */
export const BUNDLES = join(ROOT, 'build/test/failed')

const TOOLS = ['qemu-system-x86_64', 'dumpcap', 'tshark', 'ethtool', 'ip', 'nstat', 'socat']

/** Throws when a tool or the image is missing: a test that cannot run has failed. */
export function requireImage(): string {
  for (const tool of TOOLS) requireExecutable(tool)
  if (!existsSync(IMAGE)) {
    throw new Error(`Cannot test the image: ${IMAGE} is missing; npx tsx scripts/build.ts makes it`)
  }
  return IMAGE
}

/** A folder inside the checkout, for what the build must find there; the caller removes it. */
export function temporaryFolder(): string {
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  return mkdtempSync(join(ROOT, 'build/test/scratch-'))
}
