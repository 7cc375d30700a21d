/**
 * A process inside a namespace that moves TCP data and datagrams on request: the far end of a
 * guest's connections.
 */
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
/** A peer keeps its own deadlines; this much later it counts as stuck. */
const GRACE_MS = 5_000
const DEFAULT_TIMEOUT_MS = 10_000

export class Peer {
  private readonly child: ChildProcess
  private readonly pending = new Map<number, PendingCall>()
  private nextId = 1
  private gone: PeerError | undefined

  private constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (message) => this.take(message as PeerAnswer))
    // A failed send is told to the request that made it; a failed start to `start`.
    child.on('error', () => undefined)
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
    try {
      await peer.answerTo(0, `Cannot start a peer: no answer within ${START_TIMEOUT_MS} ms`, {
        timeoutMs: START_TIMEOUT_MS,
        send: (failed) => child.once('error', failed),
      })
    } catch (error) {
      await peer.close()
      throw error
    }
    return peer
  }

  /** The peer's process. */
  get pid(): number {
    return this.child.pid!
  }

  /** One request; a handle (a listening server) may go along. */
  request<N extends PeerRequestName>(
    name: N,
    argument: PeerRequests[N]['takes'],
    handle?: Server,
  ): Promise<PeerRequests[N]['gives']> {
    if (this.gone !== undefined) return Promise.reject(this.gone)
    const call: PeerCall = { id: this.nextId++, name, argument }
    const timeoutMs = deadlineOf(argument)
    const late = `Cannot ask the peer to ${name}: no answer within ${timeoutMs} ms; it is stopped or starved`
    return this.answerTo(call.id, late, {
      timeoutMs,
      send: (failed) => {
        this.child.send(call, handle, (error) => {
          if (error !== null) failed(new PeerError(`Cannot ask the peer: ${error.message}`))
        })
      },
    }) as Promise<PeerRequests[N]['gives']>
  }

  /**
   * Hands a listening server over: its socket, made on this side, accepts; the peer, inside the
   * namespace, dials the target for each connection. This process no longer accepts.
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

  private answerTo(
    id: number,
    late: string,
    question: { timeoutMs: number; send: (failed: (error: Error) => void) => void },
  ): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => {
      this.pending.set(id, { resolve, reject })
    })
    const fail = (error: Error): void => {
      this.pending.get(id)?.reject(error)
      this.pending.delete(id)
    }
    const timer = setTimeout(() => fail(new PeerError(late)), question.timeoutMs)
    question.send(fail)
    return answer.finally(() => clearTimeout(timer))
  }

  private take(answer: PeerAnswer): void {
    const call = this.pending.get(answer.id)
    if (call === undefined) return
    this.pending.delete(answer.id)
    if (answer.error === undefined) call.resolve(answer.result)
    else call.reject(new PeerError(answer.error.message, answer.error.code))
  }
}

/** An echo of several sizes has its time for each. */
function deadlineOf(argument: PeerRequests[PeerRequestName]['takes']): number {
  const rounds = 'sizes' in argument ? 1 + argument.sizes.length : 1
  const timeoutMs = 'timeoutMs' in argument ? argument.timeoutMs : DEFAULT_TIMEOUT_MS
  return timeoutMs * rounds + GRACE_MS
}

/** The program as JavaScript, or as TypeScript through tsx when this package runs from source. */
function programArguments(): string[] {
  const here = fileURLToPath(import.meta.url)
  const program = here.replace(/peer\.(ts|js)$/, 'peer-main.$1')
  if (!program.endsWith('.ts')) return [program]
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return ['--import', pathToFileURL(tsx).href, program]
}
