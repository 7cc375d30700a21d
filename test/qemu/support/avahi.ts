/**
 * Avahi's daemon on the host's side of a guest's network, with its own libraries and no D-Bus; it
 * dies with the test. Its packages are downloaded once and never installed, which would start it on
 * this machine.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type NetworkNamespace, requireExecutable } from 'qemu-runner'
import { runTool } from '../../../scripts/build/run-tool.ts'
import { cacheDirectory } from '../../../scripts/debian/cache-directory.ts'
import { PrivateAptRoot, SUITE } from '../../../scripts/debian/private-apt-root.ts'

/** The daemon and all that it loads, of one release, whatever this machine has. */
const PACKAGES = [
  ...['avahi-daemon', 'libavahi-core7', 'libavahi-common3', 'libdaemon0', 'libdbus-1-3'],
  ...['libexpat1', 'libcap2', 'libsystemd0', 'libgcc-s1', 'libc6'],
]
const START_TIMEOUT_MS = 20_000
const LOOK_INTERVAL_MS = 20

/** Downloads the packages unless they are in the cache; throws BuildError, one line. */
export async function fetchAvahi(): Promise<void> {
  const cache = cacheOf()
  if (existsSync(cache)) return
  const root = await PrivateAptRoot.open({ what: 'Avahi', types: 'deb' })
  const partial = `${cache}.${process.pid}`
  try {
    await mkdir(partial, { recursive: true })
    for (const name of PACKAGES) await root.downloadPackage(name)
    for (const file of archivesIn(root.directory)) {
      await copyFile(join(root.directory, file), join(partial, file))
    }
    await rename(partial, cache).catch((error: unknown) => {
      // Another run has been faster.
      if (!existsSync(cache)) throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
    await root.close()
  }
}

function cacheOf(): string {
  return join(cacheDirectory(), `avahi-${SUITE}`)
}

function archivesIn(folder: string): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.deb'))
}

export class Avahi {
  private log = ''
  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
    })
  }

  /** Answers for `hostName`.local on one interface, after fetchAvahi; resolves once it does. */
  static async start(
    namespace: NetworkNamespace,
    interfaceName: string,
    hostName: string,
  ): Promise<Avahi> {
    const folder = mkdtempSync(join(tmpdir(), 'eremite-avahi-'))
    for (const file of archivesIn(cacheOf())) {
      const archive = join(cacheOf(), file)
      await runTool(`unpack ${file}`, 'dpkg-deb', ['--extract', archive, folder])
    }
    // What base-files would bring: where programs look for their loader.
    for (const name of ['lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name))
    mkdirSync(join(folder, 'run'))
    writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0::/:\navahi:x:0:0::/:\n')
    writeFileSync(join(folder, 'etc/group'), 'root:x:0:\navahi:x:0:\n')
    writeFileSync(
      join(folder, 'etc/avahi/avahi-daemon.conf'),
      `[server]\nhost-name=${hostName}\nallow-interfaces=${interfaceName}\nenable-dbus=no\n`,
    )
    const daemon = ['/usr/sbin/avahi-daemon', '--no-drop-root', '--no-chroot', '--no-rlimits']
    const child = namespace.spawn([requireExecutable('chroot'), folder, ...daemon, '--debug'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const avahi = new Avahi(child, folder)
    await avahi.line('Server startup complete')
    return avahi
  }

  /** Ends it in order, so that it says goodbye (RFC 6762 §10.1). */
  async close(): Promise<void> {
    if (!this.isGone) {
      const exited = once(this.child, 'exit')
      this.child.kill('SIGTERM')
      await exited
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  private async line(text: string): Promise<void> {
    const endMs = performance.now() + START_TIMEOUT_MS
    while (!this.log.includes(text)) {
      if (this.isGone || performance.now() > endMs) {
        await this.close()
        throw new Error(`Cannot find "${text}" in what Avahi says:\n${this.log}`)
      }
      await delay(LOOK_INTERVAL_MS)
    }
  }

  private get isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }
}
