/**
 * The load process in a guest's network namespace, seen from the benchmark: one request, one
 * answer, a deadline.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { NetworkNamespace } from 'qemu-runner'
import { RunError } from '../../guest/run-error.ts'
import type { LoadAnswer, LoadCall, LoadName, LoadRequests } from './load-requests.ts'

const START_TIMEOUT_MS = 20_000
const ANSWER_TIMEOUT_MS = 180_000

export class LoadGenerator {
  private readonly child: ChildProcess
  private nextId = 1

  private constructor(child: ChildProcess) {
    this.child = child
  }

  /** Resolves when the process answers. */
  static async start(namespace: NetworkNamespace): Promise<LoadGenerator> {
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const program = join(import.meta.dirname, 'load-main.ts')
    const child = namespace.spawn([process.execPath, '--import', loader, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const generator = new LoadGenerator(child)
    await generator.answerTo(0, 'start', START_TIMEOUT_MS)
    return generator
  }

  async request<N extends LoadName>(
    name: N,
    argument: LoadRequests[N]['takes'],
  ): Promise<LoadRequests[N]['gives']> {
    const id = this.nextId++
    const answer = this.answerTo(id, name, ANSWER_TIMEOUT_MS)
    const call: LoadCall = { id, name, argument }
    this.child.send(call)
    return (await answer) as LoadRequests[N]['gives']
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  private answerTo(id: number, what: string, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.child.off('message', onMessage)
        this.child.off('exit', onExit)
        this.child.off('error', fail)
        act()
      }
      const fail = (error: Error): void => {
        const problem = `Cannot measure ${what}: ${error.message}`
        settle(() => reject(new RunError(problem, 'make test shows whether the guest is well')))
      }
      const onMessage = (message: unknown): void => {
        const answer = message as LoadAnswer
        if (answer.id !== id) return
        if (answer.error !== undefined) fail(new Error(answer.error))
        else settle(() => resolve(answer.result))
      }
      const onExit = (): void => fail(new Error('the load process has ended'))
      const timer = setTimeout(
        () => fail(new Error(`no answer within ${timeoutMs / 1000} s`)),
        timeoutMs,
      )
      this.child.on('message', onMessage)
      this.child.once('exit', onExit)
      this.child.once('error', fail)
    })
  }
}
