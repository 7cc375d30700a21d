/** What the guest says of itself at /stats, asked from the far end of its network. */
import type { Peer } from 'qemu-runner'
import type { StackReport } from '../../../net/api/stack-report.ts'

const ANSWER_MS = 15_000

/** `T`: the part of the report that the test reads. */
export async function readStats<T = StackReport>(peer: Peer, host: string): Promise<T> {
  const head = 'GET /stats HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n'
  const { received } = await peer.request('exchange', {
    ...{ host, port: 80, halfClose: false, timeoutMs: ANSWER_MS },
    send: Buffer.from(head).toString('base64'),
  })
  const answer = Buffer.from(received, 'base64').toString('utf8')
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as T
}
