/**
 * Makes the Linux guest's kernel and initramfs from its Debian packages; nothing of it is installed
 * on the machine.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BuildError } from '../../build/build-error.ts'
import { runTool } from '../../build/run-tool.ts'
import { inOrderOfNeed, parseModuleDependencies, parseNeededLibraries } from './binary-needs.ts'
import { writeCpio } from './cpio-archive.ts'
import { type FetchedPackage, fetchPackages } from './fetch-packages.ts'
import { type GuestFile, initramfsEntries, LOADER, readConfiguration } from './initramfs.ts'

export interface LinuxImage {
  /** As Debian ships it, a bzImage. */
  readonly kernel: string
  readonly initrd: string
  /** What `uname -r` will say there. */
  readonly release: string
  /** For people and for the raw figures: package and version, the kernel first. */
  readonly packages: readonly { readonly name: string; readonly version: string }[]
}

const CONFIGURATION = join(import.meta.dirname, 'root')
const PROGRAMS = [
  'usr/bin/busybox',
  'usr/bin/iperf3',
  'usr/sbin/inetutils-inetd',
  'usr/sbin/nginx',
] as const
/** Of the bench itself. */
const OWN_PROGRAM = 'datagram-series'
const LIBRARY_FOLDER = 'usr/lib/x86_64-linux-gnu'
/** The drivers the guest needs, unless the kernel has them built in. */
const DRIVERS = ['virtio_pci', 'virtio_net', 'virtio-rng']

/** `folder` is where it is made. Throws BuildError, one line, when it cannot be. */
export async function buildLinuxGuest(folder: string): Promise<LinuxImage> {
  const packages = await fetchPackages()
  const tree = join(folder, 'tree')
  await rm(tree, { recursive: true, force: true })
  await mkdir(tree, { recursive: true })
  try {
    for (const { path } of packages) await unpack(path, tree)
    const kernel = join(folder, 'vmlinuz')
    const initrd = join(folder, 'initramfs.cpio')
    const shipped = findKernel(tree)
    const release = basename(shipped).replace('vmlinuz-', '')
    await copyFile(shipped, kernel)
    const parts = {
      configuration: readConfiguration(CONFIGURATION),
      programs: [
        ...PROGRAMS.map((path) => fileOf(basename(path), mustExist(join(tree, path)))),
        await compileOwnProgram(folder),
      ],
      libraries: await collectLibraries(tree),
      modules: await collectModules(tree),
    }
    await writeFile(initrd, writeCpio(initramfsEntries(parts)))
    const names = packages.map(({ name, version }: FetchedPackage) => ({ name, version }))
    return { kernel, initrd, release, packages: names }
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

async function compileOwnProgram(folder: string): Promise<GuestFile> {
  const program = join(folder, OWN_PROGRAM)
  const source = join(import.meta.dirname, `${OWN_PROGRAM}.c`)
  // Of this machine's libc: that of the guest may be another one.
  const flags = ['-O2', '-static', '-Wall', '-Wextra', '-Werror']
  await runTool(`compile ${OWN_PROGRAM}`, 'gcc', [...flags, '-o', program, source])
  return fileOf(OWN_PROGRAM, program)
}

async function unpack(archive: string, tree: string): Promise<void> {
  try {
    await runTool(`unpack ${basename(archive)}`, 'dpkg-deb', ['--extract', archive, tree])
  } catch (error) {
    const cause = (error as Error).message.split('\n').join(' ')
    throw new BuildError(`${cause}; delete ${archive}, and the next run fetches it again`)
  }
}

function findKernel(tree: string): string {
  const boot = join(tree, 'boot')
  const name = existsSync(boot)
    ? readdirSync(boot).find((file) => file.startsWith('vmlinuz-'))
    : undefined
  if (name === undefined) throw new BuildError('Cannot build the Linux guest: no kernel in boot/')
  return join(boot, name)
}

function mustExist(path: string): string {
  if (!existsSync(path)) {
    throw new BuildError(`Cannot build the Linux guest: its packages hold no ${basename(path)}`)
  }
  return path
}

function fileOf(path: string, source: string): GuestFile {
  return { path, content: readFileSync(source) }
}

/** The shared libraries that the programs and those libraries need; a loader for all of them. */
async function collectLibraries(tree: string): Promise<GuestFile[]> {
  const folder = join(tree, LIBRARY_FOLDER)
  const needsOf = async (path: string): Promise<string[]> => {
    const words = await runTool(`read ${path}`, 'readelf', ['--dynamic', '--wide', path])
    return parseNeededLibraries(words).map((name) => mustExist(join(folder, name)))
  }
  const programs = PROGRAMS.map((path) => join(tree, path))
  const all = await inOrderOfNeed([...programs, join(folder, LOADER)], needsOf)
  return all.filter((path) => !programs.includes(path)).map((path) => fileOf(basename(path), path))
}

/**
 * Modules come compressed; the guest gets them plain, so that no kernel needs to be able to do
 * that.
 */
async function collectModules(tree: string): Promise<GuestFile[]> {
  const root = join(tree, 'usr/lib/modules')
  const release = readdirSync(mustExist(root))[0]!
  const builtIn = readFileSync(join(root, release, 'modules.builtin'), 'utf8')
  const isBuiltIn = (name: string): boolean =>
    builtIn.split('\n').some((line) => moduleName(line) === moduleName(name))
  const files = new Map<string, string>()
  for (const entry of readdirSync(join(root, release), { withFileTypes: true, recursive: true })) {
    if (/\.ko(\.xz)?$/.test(entry.name)) {
      files.set(moduleName(entry.name), join(entry.parentPath, entry.name))
    }
  }
  const plain = new Map<string, string>()
  const needsOf = async (name: string): Promise<string[]> => {
    const file = files.get(name)
    if (file === undefined) throw new BuildError(`Cannot build the Linux guest: no module ${name}`)
    if (file.endsWith('.xz')) await runTool(`unpack ${name}`, 'xz', ['--decompress', file])
    const path = file.replace(/\.xz$/, '')
    plain.set(name, path)
    const words = ['--string-dump=.modinfo', path]
    const needed = parseModuleDependencies(await runTool(`read ${name}`, 'readelf', words))
    return needed.map(moduleName).filter((other) => !isBuiltIn(other))
  }
  const drivers = DRIVERS.filter((name) => !isBuiltIn(name)).map(moduleName)
  const ordered = await inOrderOfNeed(drivers, needsOf)
  return ordered.map((name) => fileOf(`${name}.ko`, plain.get(name)!))
}

/** Files are named with hyphens or underscores, dependencies with underscores. */
function moduleName(path: string): string {
  return basename(path.trim())
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_')
}
