/** A process inside a namespace that moves TCP data and datagrams on request: the far end of a guest's connections. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Server } from 'node:net'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { guarded } from '../guarded-command.ts'
import type { NetworkNamespace } from '../netns/network-namespace.ts'
import type { PeerAnswer, PeerCall, PeerRequestName, PeerRequests, Target } from './requests.ts'

/** A peer could not do what it was asked; `code` is the system's, e.g. ECONNREFUSED. */
export class PeerError extends Error {
  override readonly name = 'PeerError'
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

interface PendingCall {
  resolve(value: unknown): void
  reject(error: Error): void
}

const START_TIMEOUT_MS = 20_000

export class Peer {
  private readonly child: ChildProcess
  private readonly pending = new Map<number, PendingCall>()
  private nextId = 1
  private gone: PeerError | undefined

  private constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (message) => this.take(message as PeerAnswer))
    child.on('exit', (status, signal) => {
      this.gone = new PeerError(`Cannot ask the peer: it has ended (${signal ?? status})`)
      for (const call of this.pending.values()) call.reject(this.gone)
      this.pending.clear()
    })
  }

  /** Resolves when the process answers; without a namespace it runs in this process's own. */
  static async start(namespace?: NetworkNamespace): Promise<Peer> {
    const inside = guarded([process.execPath, ...programArguments()])
    const command = namespace?.enter(inside) ?? inside
    const child = spawn(command[0]!, command.slice(1), {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Options of a test runner or debugger are not for the peer.
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const peer = new Peer(child)
    const started = new Promise<void>((resolve, reject) => {
      peer.pending.set(0, { resolve: () => resolve(), reject })
      child.once('error', reject)
      setTimeout(
        () => reject(new PeerError(`Cannot start a peer: no answer in ${START_TIMEOUT_MS} ms`)),
        START_TIMEOUT_MS,
      ).unref()
    })
    await started
    return peer
  }

  /** One request; a handle (a listening server) may go along. */
  request<N extends PeerRequestName>(
    name: N,
    argument: PeerRequests[N]['takes'],
    handle?: Server,
  ): Promise<PeerRequests[N]['gives']> {
    if (this.gone !== undefined) return Promise.reject(this.gone)
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      const call: PeerCall = { id, name, argument }
      this.child.send(call, handle)
    })
  }

  /**
   * Hands a listening server over: its socket, made on this side, accepts; the peer, inside the namespace, dials
   * the target for each connection. This process no longer accepts.
   */
  async forward(server: Server, target: Target): Promise<void> {
    await this.request('forward', target, server)
    server.close()
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private take(answer: PeerAnswer): void {
    const call = this.pending.get(answer.id)
    if (call === undefined) return
    this.pending.delete(answer.id)
    if (answer.error === undefined) call.resolve(answer.result)
    else call.reject(new PeerError(answer.error.message, answer.error.code))
  }
}

/** The program as JavaScript, or as TypeScript through tsx when this package runs from source. */
function programArguments(): string[] {
  const here = fileURLToPath(import.meta.url)
  const program = here.replace(/peer\.(ts|js)$/, 'peer-main.$1')
  if (!program.endsWith('.ts')) return [program]
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href, program]
}
