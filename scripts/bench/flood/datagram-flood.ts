/**
 * Many small UDP datagrams a second to one port: a small program on the host's side of the TAP
 * (datagram-flood.c).
 */
import { join } from 'node:path'
import { GUEST_ADDRESS4, type NetworkNamespace } from 'qemu-runner'
import { runTool } from '../../build/run-tool.ts'

export interface DatagramFloodOptions {
  readonly port: number
  readonly perSecond: number
  readonly seconds: number
  /**
   * Source ports that take turns, so that no two datagrams in a row are of one flow; at most 64.
   */
  readonly sources: number
}

/** Of the program, beyond what the flood itself takes. */
const SLACK_MS = 20_000

/** Compiles the program into `folder`; its path. */
export async function buildDatagramFlooder(folder: string): Promise<string> {
  const program = join(folder, 'datagram-flood')
  const source = join(import.meta.dirname, 'datagram-flood.c')
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror']
  await runTool('compile the flooder of datagrams', 'gcc', [...flags, '-o', program, source])
  return program
}

/** Floods the guest; resolves with the number of datagrams sent once it is over. */
export async function floodDatagrams(
  program: string,
  namespace: NetworkNamespace,
  { port, perSecond, seconds, sources }: DatagramFloodOptions,
): Promise<number> {
  const words = [GUEST_ADDRESS4, port, perSecond, seconds, sources].map(String)
  const { stdout } = await namespace.run([program, ...words], {
    timeoutMs: seconds * 1000 + SLACK_MS,
  })
  return Number(stdout)
}
