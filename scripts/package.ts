/**
 * `make package`: builds the image and the app, and writes one folder with which other machines run
 * them.
 */
import { join, relative } from 'node:path'
import { BuildError } from './build/build-error.ts'
import { buildImage, ROOT } from './guest/build-image.ts'
import { RunError } from './guest/run-error.ts'
import { packageName, parsePackageOptions } from './package/package-options.ts'
import { writePackage } from './package/write-package.ts'

async function main(): Promise<void> {
  const options = parsePackageOptions('package', process.argv.slice(2), process.env)
  const { kernel, initrd } = await buildImage(options.app)
  const name = packageName(initrd)
  const folder = join(ROOT, 'build/package', name)
  await writePackage(
    {
      name,
      image: kernel,
      // The built-in app is a container like any other, so that a package always has one.
      app: initrd ?? join(ROOT, 'build/x86_64/builtin.app'),
      commandLine: options.commandLine,
      environmentFile: options.environmentFile,
    },
    folder,
  )
  console.log(`Built ${relative(process.cwd(), folder)}/; docs/fleet.md says how it is run`)
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  if (error instanceof RunError) console.error(`package: ${error.line}`)
  else if (error instanceof BuildError) console.error(`package: ${error.message}`)
  else throw error
}
