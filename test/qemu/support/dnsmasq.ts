/** dnsmasq as the DHCP server, router and DNS server of a test's network; it dies with the test. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type NetworkNamespace, requireExecutable } from 'qemu-runner'

const START_TIMEOUT_MS = 10_000
const LINE_TIMEOUT_MS = 20_000
const LOOK_INTERVAL_MS = 20

export class Dnsmasq {
  /** What it has said so far. */
  log = ''
  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    child.stderr?.on('data', (chunk: Buffer) => {
      this.log += chunk.toString('utf8')
    })
  }

  /**
   * Serves on `interfaceName`; `options` are dnsmasq's own, e.g.
   * `dhcp-range=10.0.0.100,10.0.0.150,2m`.
   */
  static async start(
    namespace: NetworkNamespace,
    interfaceName: string,
    options: readonly string[],
  ): Promise<Dnsmasq> {
    const folder = mkdtempSync(join(tmpdir(), 'eremite-dnsmasq-'))
    const child = namespace.spawn(
      [
        requireExecutable('dnsmasq'),
        // Also: as the user that it is, and in the foreground.
        '--no-daemon',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        // It would look for three seconds whether an address is in use before it offers it.
        '--no-ping',
        '--log-dhcp',
        '--bind-dynamic',
        `--interface=${interfaceName}`,
        `--dhcp-leasefile=${join(folder, 'leases')}`,
        ...options.map((option) => `--${option}`),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const server = new Dnsmasq(child, folder)
    await server.line(/started, version/, START_TIMEOUT_MS)
    return server
  }

  /** Waits until the log has it, from the beginning or from a length it had before. */
  async line(pattern: RegExp, timeoutMs = LINE_TIMEOUT_MS, from = 0): Promise<RegExpExecArray> {
    const endMs = performance.now() + timeoutMs
    for (;;) {
      const found = pattern.exec(this.log.slice(from))
      if (found !== null) return found
      const isGone = this.child.exitCode !== null || this.child.signalCode !== null
      if (isGone || performance.now() > endMs) {
        const why = isGone ? 'dnsmasq has ended' : `not within ${timeoutMs} ms`
        throw new Error(`Cannot find ${pattern} in dnsmasq's log: ${why}\n${this.log}`)
      }
      await delay(LOOK_INTERVAL_MS)
    }
  }

  /** Its lease file: a line a lease. */
  get leases(): string {
    try {
      return readFileSync(join(this.folder, 'leases'), 'utf8')
    } catch {
      return ''
    }
  }

  /** Ends it; what it has lent it forgets. */
  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit')
      this.child.kill('SIGKILL')
      await exited
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
