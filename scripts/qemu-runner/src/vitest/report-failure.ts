/**
 * A failed test's guests: a bundle of each, named in the failure's own message and in the report.
 */
import { relative } from 'node:path'
import type { TestContext, TestError } from 'vitest'
import { leaveBundle } from '../failure-bundle.ts'
import { quoteCommand } from '../quote.ts'
import type { Vm } from '../vm.ts'
import type { TestResources } from './test-resources.ts'

export interface FailureBundleOptions {
  /** Where bundles go, from the working directory. Default `qemu-runner-bundles`. */
  parent?: string
  /**
   * Default true: QEMU records the frames of user-mode networks and TAPs. LANs are always recorded.
   */
  captures?: boolean
  /** Default true: an ELF core of each guest that still runs. */
  core?: boolean
  /** The one command line that repeats a test. Default: `npx vitest run FILE -t NAME`. */
  reproduce?: (test: FailedTest) => string
  /** For what only the project knows, such as the image and its source maps. */
  extend?: (bundle: { folder: string; vm: Vm }) => void | Promise<void>
}

export interface FailedTest {
  /** From the working directory. */
  readonly file: string
  /** With the suites it is in, as `-t` takes it. */
  readonly name: string
}

const DEFAULT_PARENT = 'qemu-runner-bundles'

export async function reportFailure(
  context: Pick<TestContext, 'task' | 'annotate'>,
  resources: TestResources,
  options: FailureBundleOptions,
): Promise<void> {
  const { task } = context
  const test = { file: relative(process.cwd(), task.file.filepath), name: fullName(task) }
  const reproduce = (options.reproduce ?? defaultReproduce)(test)
  const errors = task.result?.errors ?? []
  const failure = errors.map(describeError).join('\n\n')
  const { existingFolder } = resources
  const said: string[] = []
  for (const vm of resources.vms) {
    // Before the bundle, whose own questions are waited for too.
    const waits = vm.pendingWaits
    if (waits.length > 0) said.push(`Still waited for: ${waits.join('; ')}`)
    try {
      const folder = await leaveBundle(vm, {
        parent: options.parent ?? DEFAULT_PARENT,
        failure,
        reproduce,
        ...(existingFolder === undefined ? {} : { captures: existingFolder }),
        ...(options.core === undefined ? {} : { core: options.core }),
        ...(options.extend === undefined ? {} : { extend: options.extend }),
      })
      said.push(`Bundle: ${folder}`)
      await annotateFailed(context, folder, 'bundle')
    } catch (error) {
      said.push(`No bundle: ${(error as Error).message}`)
    }
  }
  said.push(`Reproduce: ${reproduce}`)
  await annotateFailed(context, reproduce, 'reproduce')
  const first = errors[0]
  if (first !== undefined) first.message = `${first.message}\n\n${said.join('\n')}`
}

/**
 * vitest refuses annotations once a test has failed, which is when fixtures are torn down and the
 * bundle is made. The check is made before anything else happens, so that the state can be lent to
 * it.
 */
async function annotateFailed(
  { task, annotate }: Pick<TestContext, 'task' | 'annotate'>,
  message: string,
  type: string,
): Promise<void> {
  const { result } = task
  if (result === undefined) return
  const { state } = result
  let annotating: Promise<unknown>
  try {
    result.state = 'run'
    annotating = annotate(message, type)
  } catch {
    return
  } finally {
    result.state = state
  }
  // The failure's message holds it too.
  await annotating.catch(() => undefined)
}

/** A time-out's stack begins with another message than its own. */
function describeError({ name, message, stack }: TestError): string {
  const at = stack?.search(/^\s+at /m) ?? -1
  return `${name}: ${message}${at < 0 ? '' : `\n${stack!.slice(at)}`}`
}

function fullName(task: TestContext['task']): string {
  const names: string[] = [task.name]
  for (let suite = task.suite; suite !== undefined; suite = suite.suite) names.unshift(suite.name)
  return names.join(' ')
}

function defaultReproduce({ file, name }: FailedTest): string {
  const pattern = `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`
  return quoteCommand(['npx', 'vitest', 'run', file, '-t', pattern])
}
