/**
 * An app that is many clients: calls a service that repeats a number, in turn or hundreds at once,
 * and says which calls failed.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { connect, system } from 'eremite'

const LENGTH = 8

interface Order {
  /** Number of the first call; each sends its own. */
  readonly first: number
  readonly count: number
  readonly atOnce: number
  /** Called in turn. `#` stands for the number of the call. */
  readonly hosts: readonly string[]
  readonly port: number
}

/** Even numbers are closed by us once they have come back, odd ones by the service. */
async function call(hostname: string, port: number, number: number): Promise<void> {
  const text = `${number}`.padStart(LENGTH, '0')
  const stream = await connect({ hostname, port })
  try {
    await stream.write(system.encodeText(text))
    const buffer = new Uint8Array(LENGTH + 1)
    let length = 0
    while (length < LENGTH) {
      const read = await stream.read(buffer.subarray(length))
      if (read === null) break
      length += read
    }
    const answer = system.decodeText(buffer, 0, length)
    if (answer !== text) throw new Error(`the answer to ${text} is ${answer}`)
    if (number % 2 === 1 && (await stream.read(buffer)) !== null) throw new Error('no end')
  } finally {
    stream.close()
  }
}

async function obey({ first, count, atOnce, hosts, port }: Order): Promise<unknown> {
  const failures: string[] = []
  let slowestMs = 0
  let next = 0
  const callSome = async () => {
    while (next < count) {
      const number = first + next++
      const host = hosts[number % hosts.length]!.replace('#', `${number}`)
      const startMs = system.nowMs()
      try {
        await call(host, port, number)
      } catch (error) {
        failures.push(`${number} ${host}: ${error}`)
      }
      slowestMs = Math.max(slowestMs, system.nowMs() - startMs)
    }
  }
  const startMs = system.nowMs()
  await Promise.all(Array.from({ length: atOnce }, callSome))
  return {
    failed: failures.length,
    failures: failures.slice(0, 10),
    slowestMs,
    elapsedMs: system.nowMs() - startMs,
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'POST') return Response.json(await obey(await request.json()))
    return Response.json(system.statistics())
  },
}
