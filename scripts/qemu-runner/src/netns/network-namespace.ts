/**
 * A private network namespace without a name, held by a process that dies with this one: nothing is
 * left behind.
 */
import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { requireExecutable } from '../executables.ts'
import { guarded } from '../guarded-command.ts'
import { quoteCommand } from '../quote.ts'

export type NamespacePrivilege = 'root' | 'user'

export interface NamespaceOptions {
  /** For messages. */
  label: string
  /**
   * `root` needs CAP_SYS_ADMIN; `user` needs unprivileged user namespaces. Default: root, else
   * user.
   */
  privilege?: NamespacePrivilege
  /** Make it a sibling: reachable from that namespace by veth, in the same user namespace. */
  beside?: NetworkNamespace
}

/** Neither way to get a namespace worked; the message holds both reasons. */
export class NamespaceError extends Error {
  override readonly name = 'NamespaceError'
}

/** A command inside a namespace failed; the message holds the command and its error output. */
export class NamespaceCommandError extends Error {
  override readonly name = 'NamespaceCommandError'
}

export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
}

const COMMAND_TIMEOUT_MS = 20_000
const HOLD_TIMEOUT_MS = 20_000
const LONGEST_COMMAND_SHOWN = 200

/**
 * Comes up with loopback, IPv6 without duplicate address detection or router solicitation, and
 * CUBIC where namespaces may choose it, so that what a test sees depends neither on the machine's
 * defaults nor on a wait.
 */
const SETTLE = `
ip link set lo up
cd /proc/sys/net
for name in all default; do
  echo 0 > ipv6/conf/$name/accept_dad
  echo 0 > ipv6/conf/$name/accept_ra
  echo 0 > ipv6/conf/$name/router_solicitations
done
echo cubic > ipv4/tcp_congestion_control 2>/dev/null || echo reno > ipv4/tcp_congestion_control
`

export class NetworkNamespace {
  readonly label: string
  readonly privilege: NamespacePrivilege
  /** The process that holds the namespace. */
  readonly pid: number
  private readonly holder: ChildProcess

  private constructor(label: string, privilege: NamespacePrivilege, holder: ChildProcess) {
    this.label = label
    this.privilege = privilege
    this.holder = holder
    this.pid = holder.pid!
  }

  /** Throws NamespaceError when neither root nor a user namespace works. */
  static async create(options: NamespaceOptions): Promise<NetworkNamespace> {
    const privilege = options.beside?.privilege ?? options.privilege
    const attempts: NamespacePrivilege[] = privilege === undefined ? ['root', 'user'] : [privilege]
    const reasons: string[] = []
    for (const attempt of attempts) {
      const result = await hold(options, attempt)
      if (typeof result === 'string') {
        reasons.push(`as ${attempt === 'root' ? 'root' : 'an unprivileged user'}: ${result}`)
        continue
      }
      const namespace = new NetworkNamespace(options.label, attempt, result)
      try {
        await namespace.script(SETTLE)
        return namespace
      } catch (error) {
        await namespace.close()
        reasons.push((error as Error).message)
      }
    }
    throw new NamespaceError(
      `Cannot create network namespace ${options.label}: ${reasons.join('; ')}`,
    )
  }

  /** Whether its holder lives: commands can run inside. */
  get isOpen(): boolean {
    return this.holder.exitCode === null && this.holder.signalCode === null
  }

  /** Prefixes a command so that it runs inside. A guard against orphans goes inside, not around. */
  enter(command: readonly string[]): string[] {
    return [requireExecutable('nsenter'), ...this.enterArguments(), '--', ...command]
  }

  private enterArguments(): string[] {
    const target = ['--target', String(this.pid), '--net']
    return this.privilege === 'root' ? target : [...target, '--user', '--preserve-credentials']
  }

  /** Runs a command to its end; throws NamespaceCommandError unless it exits with 0. */
  async run(
    command: readonly string[],
    options: { input?: string; timeoutMs?: number } = {},
  ): Promise<CommandResult> {
    const [program, ...words] = this.enter(guarded(command))
    return new Promise((resolve, reject) => {
      const timeout = options.timeoutMs ?? COMMAND_TIMEOUT_MS
      const settings = { timeout, killSignal: 'SIGKILL', maxBuffer: 64 << 20 } as const
      const child = execFile(program!, words, settings, (error, stdout, stderr) => {
        if (error === null) return resolve({ stdout, stderr })
        const why = error.killed === true ? `no end within ${timeout} ms` : stderr.trim()
        reject(
          new NamespaceCommandError(
            `Cannot run in namespace ${this.label}: ${briefly(command)}: ${why || error.message}`,
          ),
        )
      })
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(options.input ?? '')
    })
  }

  /** Runs shell lines, stopping at the first that fails. */
  async script(lines: string): Promise<string> {
    const path = 'PATH="$PATH:/usr/sbin:/sbin"\n'
    const { stdout } = await this.run(['sh', '-eu', '-c', path + lines])
    return stdout
  }

  /** Starts a long-running command in its own session; it dies with this process. */
  spawn(command: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, ...words] = this.enter(guarded(command))
    return spawn(program!, words, { detached: true, ...options })
  }

  /** Sets e.g. `net.ipv4.tcp_timestamps` in this namespace alone. */
  async setSysctl(name: string, value: string | number): Promise<void> {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    await this.run(['sh', '-c', 'cat > "$0"', path], { input: String(value) })
  }

  async interfaceStatistics(name: string): Promise<InterfaceStatistics> {
    const { stdout } = await this.run([
      requireExecutable('ip'),
      ...['-s', '-j', 'link', 'show', 'dev', name],
    ])
    const [link] = JSON.parse(stdout) as [{ stats64: { rx: Counters; tx: Counters } }]
    const { rx, tx } = link.stats64
    return {
      receivedPackets: rx.packets,
      receivedBytes: rx.bytes,
      sentPackets: tx.packets,
      sentBytes: tx.bytes,
    }
  }

  /**
   * The kernel's protocol counters (`nstat`), e.g. `TcpInCsumErrors`, since the namespace began.
   */
  async counters(): Promise<ReadonlyMap<string, number>> {
    const { stdout } = await this.run([
      requireExecutable('nstat'),
      '--ignore',
      '--zeros',
      '--noupdate',
    ])
    const counters = new Map<string, number>()
    for (const line of stdout.split('\n')) {
      const [name, value] = line.trim().split(/\s+/)
      if (name !== undefined && value !== undefined) counters.set(name, Number(value))
    }
    return counters
  }

  /** Ends the holder. The namespace goes when the last process inside has gone. */
  async close(): Promise<void> {
    if (!this.isOpen) return
    const exited = once(this.holder, 'exit')
    this.holder.kill('SIGKILL')
    await exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** One line of a command that may be a whole script. */
function briefly(command: readonly string[]): string {
  const line = quoteCommand(command).replace(/\s+/g, ' ')
  return line.length > LONGEST_COMMAND_SHOWN ? `${line.slice(0, LONGEST_COMMAND_SHOWN)}…` : line
}

interface Counters {
  readonly packets: number
  readonly bytes: number
}

/** As the host sees them: what a guest sends, its TAP receives. */
export interface InterfaceStatistics {
  readonly receivedPackets: number
  readonly receivedBytes: number
  readonly sentPackets: number
  readonly sentBytes: number
}

/** The holder process, or why it could not be had. */
async function hold(
  options: NamespaceOptions,
  privilege: NamespacePrivilege,
): Promise<ChildProcess | string> {
  const unshare = requireExecutable('unshare')
  // `cat` ends when its standard input does, which is when this process is gone, however that came
  // about.
  const keep = ['sh', '-c', 'echo held; exec cat > /dev/null']
  let command: string[]
  if (options.beside !== undefined)
    command = options.beside.enter(guarded([unshare, '--net', ...keep]))
  else if (privilege === 'root') command = guarded([unshare, '--net', ...keep])
  else command = guarded([unshare, '--user', '--map-root-user', '--net', ...keep])
  const holder = spawn(command[0]!, command.slice(1), {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  holder.stdin?.on('error', () => undefined)
  let stderr = ''
  holder.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  const held = new Promise<ChildProcess | string>((resolve) => {
    holder.stdout?.once('data', () => resolve(holder))
    holder.once('error', (error) => resolve(error.message))
    holder.once('close', () => resolve(stderr.trim() || 'unshare ended without a message'))
  })
  // Its end answers too, with what it has said.
  const timer = setTimeout(() => holder.kill('SIGKILL'), HOLD_TIMEOUT_MS)
  return held.finally(() => clearTimeout(timer))
}
