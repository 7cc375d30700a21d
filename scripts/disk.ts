/**
 * `make disk`: builds the image and the app, and writes a disk with both that BIOS and UEFI start,
 * raw and qcow2.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { BuildError } from './build/build-error.ts'
import { buildImage, ROOT } from './guest/build-image.ts'
import { RunError } from './guest/run-error.ts'
import { makeDisk } from './package/disk-image.ts'
import { packageName, parsePackageOptions } from './package/package-options.ts'
import { writeStrippedImage } from './package/stripped-image.ts'

async function main(): Promise<void> {
  const { app, commandLine } = parsePackageOptions('disk', process.argv.slice(2), process.env)
  const { kernel, initrd } = await buildImage(app)
  const folder = join(ROOT, 'build/disk', packageName(initrd))
  await mkdir(folder, { recursive: true })
  const image = join(folder, 'eremite.elf')
  await writeStrippedImage(kernel, image)
  try {
    const { raw, qcow2 } = await makeDisk({ image, app: initrd, commandLine }, folder)
    for (const path of [raw, qcow2]) console.log(`Built ${relative(process.cwd(), path)}`)
  } finally {
    await rm(image, { force: true })
  }
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`disk: ${error.line}`)
  else if (error instanceof BuildError) console.error(`disk: ${error.message}`)
  else throw error
}
