/**
 * What `make postmortem` needs beside a failed test's core: the image it is of, and the source
 * maps, which the next build replaces.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { Vm } from 'qemu-runner'

/** A hook of qemu-runner's bundles. Without a core there is nothing to look at with them. */
export function bundleImage({ folder, vm }: { folder: string; vm: Vm }): void {
  if (!existsSync(join(folder, 'core.elf.gz'))) return
  const image = argument(vm, '-kernel') ?? ''
  const app = argument(vm, '-initrd') ?? join(dirname(image), 'builtin.app')
  copyFileSync(image, join(folder, basename(image)))
  for (const path of [mapOf(image), mapOf(app)]) copyMap(path, folder)
}

/** A map names its sources from where it lies. */
function copyMap(path: string, folder: string): void {
  if (!existsSync(path)) return
  const map = JSON.parse(readFileSync(path, 'utf8')) as object
  const sourceRoot = relative(folder, dirname(path))
  writeFileSync(join(folder, basename(path)), JSON.stringify({ ...map, sourceRoot }))
}

function argument(vm: Vm, option: string): string | undefined {
  const at = vm.command.indexOf(option)
  return at < 0 ? undefined : vm.command[at + 1]
}

function mapOf(program: string): string {
  return program.replace(/\.(elf|app)$/, '.js.map')
}
