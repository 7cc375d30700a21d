/**
 * A thousand SYNs a second from addresses that are nobody's: a small program on the host's side of
 * the TAP (syn-flood.c).
 */
import { join } from 'node:path'
import { GUEST_ADDRESS4, type NetworkNamespace } from 'qemu-runner'
import { runTool } from '../../build/run-tool.ts'

export interface FloodOptions {
  readonly port: number
  readonly perSecond: number
  readonly seconds: number
  /**
   * `linux`: with SACK-permitted, timestamps and window scale, as Linux sends them; `plain`: with
   * an MSS only.
   */
  readonly options: 'plain' | 'linux'
  readonly seed: number
}

export const GUEST_MAC = '52:54:00:12:34:56'
/** Of the program, beyond what the flood itself takes. */
const SLACK_MS = 20_000

/** Compiles the program into `folder`; its path. */
export async function buildFlooder(folder: string): Promise<string> {
  const program = join(folder, 'syn-flood')
  const source = join(import.meta.dirname, 'syn-flood.c')
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror']
  await runTool('compile the flooder', 'gcc', [...flags, '-o', program, source])
  return program
}

/**
 * Floods the guest through the namespace's TAP; resolves with the number of SYNs once it is over.
 */
export async function flood(
  program: string,
  namespace: NetworkNamespace,
  { port, perSecond, seconds, options, seed }: FloodOptions,
): Promise<number> {
  const words = [GUEST_MAC, GUEST_ADDRESS4, port, perSecond, seconds, options, seed].map(String)
  const { stdout } = await namespace.run([program, 'tap0', ...words], {
    timeoutMs: seconds * 1000 + SLACK_MS,
  })
  return Number(stdout)
}
