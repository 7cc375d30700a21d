/**
 * A machine within this one for daemons that expect to have one: it can write to no file of this
 * one, and is gone when closed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { guarded, requireExecutable } from 'qemu-runner'

const run = promisify(execFile)

/**
 * No init system is to run in it: one empties /tmp and sets sysctls, which are not all a
 * namespace's own.
 */
const NAMESPACES = ['--mount', '--net', '--pid', '--uts', '--ipc']
/** The machine has its own, empty; all else of the root file system is read-only. */
const OWN_FOLDERS = ['/tmp', '/var/tmp', '/run', '/var/log', '/var/cache', '/dev/shm', '/var/lib']
const STILL_WRITABLE = 3
const ISOLATED = 'the machine is isolated'
const ISOLATION_TIMEOUT_MS = 20_000

/**
 * `folder` of this machine is copied to `/var/lib/eremite`, before that /tmp is covered in which it
 * may lie.
 */
function isolation(folder: string): string {
  return `
set -eu
mount -t tmpfs none /var/lib
cp -r ${folder} /var/lib/eremite
mount -o remount,bind,ro /
for folder in ${OWN_FOLDERS.filter((path) => path !== '/var/lib').join(' ')}; do
  mount -t tmpfs -o mode=1777 none $folder
done
for place in / /etc /usr /root /home /var /opt; do
  if [ -w $place ]; then echo "still writable: $place"; exit ${STILL_WRITABLE}; fi
done
[ -z "$(ls -A /tmp /var/tmp | grep -v :)" ] || { echo 'still the /tmp of this machine'; exit ${STILL_WRITABLE}; }
ip link set lo up
echo ${ISOLATED}
`
}

export class PrivateMachine {
  private readonly child: ChildProcess
  private readonly words: () => string

  private constructor(child: ChildProcess, words: () => string) {
    this.child = child
    this.words = words
  }

  /**
   * Runs `script` with bash as the first process, a copy of `folder` at /var/lib/eremite; it
   * prepares the machine and must not end. Nobody enters before it is isolated.
   */
  static async start(folder: string, script: string): Promise<PrivateMachine> {
    if (process.getuid?.() !== 0) {
      throw new Error(
        'Cannot make a machine within this one: not root; run make test-fleet as root',
      )
    }
    const how = ['--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
    const shell = [requireExecutable('bash'), '-c', isolation(folder) + script]
    const [program, ...words] = guarded(['unshare', ...NAMESPACES, ...how, ...shell])
    const child = spawn(program!, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(-20_000)
      })
    }
    const machine = new PrivateMachine(child, () => text)
    const deadline = performance.now() + ISOLATION_TIMEOUT_MS
    while (!text.includes(`${ISOLATED}\n`)) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await machine.close()
        throw new Error(`Cannot make a machine within this one: ${text.trim()}`)
      }
      await new Promise((done) => setTimeout(done, 20))
    }
    return machine
  }

  /** What its first process and daemons without a log of their own have said. */
  get output(): string {
    return this.words()
  }

  /** Standard output of a command inside. Rejects with what it said when it fails. */
  async run(command: readonly string[], timeoutMs = 30_000): Promise<string> {
    const options = { timeout: timeoutMs, maxBuffer: 1 << 24 }
    return (await run(requireExecutable('nsenter'), this.enter(command), options)).stdout
  }

  /** A command that ends when its standard input does; `end` resolves with what it has said. */
  start(command: readonly string[]): { end(): Promise<string> } {
    const child = spawn(requireExecutable('nsenter'), this.enter(command))
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
    }
    const ended = new Promise<string>((done) => child.once('close', () => done(text)))
    return {
      end: () => {
        child.stdin.end()
        return ended
      },
    }
  }

  /**
   * Until `probe` gives something; one that rejects is tried again. Rejects with the last reason
   * when the time is up.
   */
  async until<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
    const deadline = performance.now() + timeoutMs
    for (let reason = 'nothing yet'; ; ) {
      try {
        const found = await probe()
        if (found !== undefined) return found
      } catch (error) {
        reason = (error as Error).message
      }
      if (performance.now() > deadline || this.child.exitCode !== null) {
        throw new Error(`Waited for ${what} in vain: ${reason}\n${this.output}`)
      }
      await new Promise((done) => setTimeout(done, 100))
    }
  }

  /** The first process of a process namespace takes all others along. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = new Promise((done) => this.child.once('close', done))
    this.child.kill('SIGKILL')
    await gone
  }

  private enter(command: readonly string[]): string[] {
    return ['--target', String(this.firstProcess()), ...NAMESPACES, '--', ...command]
  }

  /** The only child of unshare, which waits for it. */
  private firstProcess(): number {
    const pid = this.child.pid
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const comm = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
    if (comm !== 'unshare' || children === '') {
      throw new Error(`Cannot find the machine's first process; it said: ${this.output}`)
    }
    return Number(children.split(' ')[0])
  }
}
