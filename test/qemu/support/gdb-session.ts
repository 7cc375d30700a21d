/**
 * gdb in batch mode on a guest that was started for it, with traffic from the host's side of its
 * TAP.
 */
import { type ChildProcess, execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  GUEST_ADDRESS4,
  guarded,
  type NetworkNamespace,
  requireExecutable,
  type VirtioNetProperties,
} from 'qemu-runner'
import { gdbArguments } from '../../../scripts/debug/gdb-command.ts'
import { IMAGE, ROOT } from './paths.ts'
import type { Site } from './site.ts'

const CHARGEN_PORT = 19
/** More than the transmit queue has room for. */
const CONNECTIONS = 120
const TRICKLE_INTERVAL_MS = 200
const GDB_TIMEOUT_MS = 50_000

/**
 * Copies the image and the maps beside the real ones, so that what is built meanwhile changes
 * nothing; its path.
 */
export function copyImage(): string {
  for (const tool of ['gdb', 'qemu-system-x86_64']) requireExecutable(tool)
  if (!existsSync(IMAGE)) throw new Error(`Cannot debug ${IMAGE}: it is missing`)
  const folder = mkdtempSync(join(ROOT, 'build/debug-'))
  for (const name of ['eremite.elf', 'eremite.js.map', 'builtin.js.map']) {
    copyFileSync(join(dirname(IMAGE), name), join(folder, name))
  }
  return join(folder, 'eremite.elf')
}

/** An empty path, when there was nothing to copy, is left alone. */
export function removeImage(image: string): void {
  if (image === '') return
  rmSync(dirname(image), { recursive: true, force: true })
}

/** Resolves with all output of a command that exits with 0 before the deadline. */
export function runCommand(command: readonly string[], input = ''): Promise<string> {
  const [program, ...words] = guarded(command)
  return new Promise((resolve, reject) => {
    const settings = { timeout: GDB_TIMEOUT_MS, killSignal: 'SIGKILL', cwd: ROOT } as const
    const child = execFile(program!, words, settings, (error, stdout, stderr) => {
      const output = stdout + stderr
      if (error === null) resolve(output)
      else if (error.killed === true) {
        reject(new Error(`No end of ${command[0]} within ${GDB_TIMEOUT_MS} ms:\n${output}`))
      } else reject(new Error(`${error.message}\n${output}`))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/**
 * `flood`: many downloads at once, the guest never rests. `trickle`: it sleeps between one download
 * and the next.
 */
export type Traffic = 'flood' | 'trickle'

/** Runs in the namespace: downloads the character generator's output until it is killed. */
const CLIENT = `
const { connect } = require('node:net')
const [traffic, host, port, connections, interval] = process.argv.slice(1)
function download() {
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  if (traffic === 'flood') socket.resume()
  else socket.once('data', () => socket.destroy())
}
if (traffic === 'trickle') setInterval(download, Number(interval))
else for (let index = 0; index < Number(connections); index++) download()
`

function startClient(namespace: NetworkNamespace, traffic: Traffic): ChildProcess {
  const numbers = [CHARGEN_PORT, CONNECTIONS, TRICKLE_INTERVAL_MS].map(String)
  const words = ['-e', CLIENT, traffic, GUEST_ADDRESS4, ...numbers]
  return namespace.spawn([process.execPath, ...words], { stdio: 'ignore' })
}

export interface GdbSessionOptions {
  readonly image: string
  readonly traffic?: Traffic
  readonly device?: VirtioNetProperties
  readonly extraArguments?: readonly string[]
  readonly initrd?: string
}

/**
 * Boots the image paused, runs gdb in batch mode on it and makes traffic once the guest is ready.
 * Resolves with what each command printed.
 */
export async function debugSession(
  site: Site,
  commands: readonly string[],
  options: GdbSessionOptions,
): Promise<string[]> {
  const { image, traffic } = options
  const socketPath = join(site.folder, 'gdb')
  let client: ChildProcess | undefined
  const vm = await site.launch({
    kernel: image,
    gdb: { socketPath, wait: true },
    ...(options.initrd === undefined ? {} : { initrd: options.initrd }),
    device: options.device ?? {},
    extraArguments: options.extraArguments ?? [],
    entropyDevice: true,
    timeoutMs: GDB_TIMEOUT_MS,
  })
  try {
    const separator = ['-ex', 'echo \\n<next>\\n']
    const separate = commands.flatMap((command) => [...separator, '-ex', command])
    // One stream, so that errors stand where they happened.
    const gdb = runCommand([
      ...['sh', '-c', 'exec "$@" 2>&1', 'gdb', requireExecutable('gdb')],
      ...['-nx', '-batch', '-iex', 'set pagination off', '-iex', 'set width 0'],
      ...gdbArguments({ socketPath, image }),
      ...separate,
      ...separator,
    ])
    // When gdb ends first, its output says why; the guest's end below is then no news.
    const ready = vm.events.once('ready', { timeoutMs: GDB_TIMEOUT_MS }).then(() => {
      if (traffic !== undefined) client = startClient(site.topology.near, traffic)
    })
    await Promise.race([ready, gdb])
    ready.catch(() => undefined)
    const output = await gdb
    return output.split('\n<next>\n').slice(1, -1)
  } finally {
    client?.kill('SIGKILL')
    await vm.close()
  }
}
