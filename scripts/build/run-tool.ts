/** Runs a compiler, linker or other tool, at most one for each core at a time. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { BuildError } from './build-error.ts'

export interface ToolResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

let free = availableParallelism()
const waiting: (() => void)[] = []

async function acquireCore(): Promise<void> {
  if (free > 0) free--
  else await new Promise<void>((resolve) => waiting.push(resolve))
}

function releaseCore(): void {
  const next = waiting.shift()
  if (next === undefined) free++
  else next()
}

function spawnTool(command: string, args: readonly string[], cwd?: string): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const options = { stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'], cwd }
    const child = spawn(command, args, options)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status: status ?? 1, stdout, stderr }))
  })
}

/** The result of a command, whatever its status; throws BuildError when it cannot be started. */
export async function tryTool(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<ToolResult> {
  await acquireCore()
  try {
    return await spawnTool(command, args, cwd)
  } catch (error) {
    throw new BuildError(`Cannot run ${command}: ${(error as Error).message}; try make doctor`)
  } finally {
    releaseCore()
  }
}

/** Standard output of a command that must succeed; `action` says what it was for. */
export async function runTool(
  action: string,
  command: string,
  args: readonly string[],
): Promise<string> {
  const result = await tryTool(command, args)
  if (result.status !== 0) {
    throw new BuildError(`Cannot ${action}:\n${(result.stderr || result.stdout).trimEnd()}`)
  }
  return result.stdout
}
