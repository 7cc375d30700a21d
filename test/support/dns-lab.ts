/**
 * A stack that resolves names, and beside it on a simulated link servers that answer as a test
 * says.
 */
import type { UdpSocket } from '../../net/socket/udp/udp-socket.ts'
import { copyOfAddress, type IpAddress } from '../../net/wire/ip-address.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from '../simulation/two-stacks.ts'
import {
  type ReceivedQuery,
  type ResponseFields,
  readQuery,
  response,
  u16,
} from './dns-messages.ts'

export interface ServedQuery extends ReceivedQuery {
  /** The address that was asked. */
  readonly server: string
  readonly port: number
  readonly atMs: number
  readonly overTcp: boolean
}

/**
 * Null = silence. Octets go out as they are; fields get the id and question of the query unless
 * they have their own.
 */
export type Answer = Partial<ResponseFields> | Uint8Array | null

export type AnswerQuery = (query: ServedQuery) => Answer | readonly Answer[]

export class DnsLab {
  readonly stacks: TwoStacks
  readonly queries: ServedQuery[] = []
  private readonly sockets = new Map<string, UdpSocket>()

  constructor(link: LinkOptions = {}) {
    this.stacks = new TwoStacks(link)
  }

  get clock() {
    return this.stacks.clock
  }

  get statistics() {
    return this.stacks.left.reportNames()!
  }

  /** Has the resolver ask these, in their order. */
  useServers(servers: readonly string[], search: readonly string[] = []): void {
    this.stacks.left.interface.nameServers.set('static', servers.map(addressOf), search)
  }

  /** A server at an address of the right stack, over UDP. */
  serve(server: string, answer: AnswerQuery, port = 53): UdpSocket {
    const { right } = this.stacks
    const address = addressOf(server)
    const isNew = server !== RIGHT_V4 && server !== RIGHT_V6
    if (isNew && address.version === 4) right.addAddress(`${server}/24`, this.clock.nowMs)
    if (isNew && address.version === 6) right.addAddress(`${server}/64`, this.clock.nowMs)
    const socket = right.openUdpSocket({
      ...{ port, address },
      handler: {
        onReadable: () => {
          for (let next = socket.peek(); next !== null; next = socket.peek()) {
            const { sourcePort } = next
            const from = copyOfAddress(next.source)
            const bytes = next.bytes.slice(next.offset, next.offset + next.length)
            socket.consume()
            const query = this.note(server, sourcePort, bytes, false)
            for (const message of messagesOf(answer(query), query)) {
              socket.send(from, sourcePort, message, 0, message.length)
            }
          }
        },
      },
    })
    this.sockets.set(server, socket)
    return socket
  }

  /** The same server's TCP side: each connection one query. */
  serveTcp(server: string, answer: AnswerQuery): void {
    this.stacks.right.listen({ port: 53, hostname: server }, async (stream) => {
      const buffer = new Uint8Array(1024)
      let length = 0
      while (length < 2 || length < 2 + ((buffer[0]! << 8) | buffer[1]!)) {
        const count = await stream.read(buffer.subarray(length))
        if (count === null) return
        length += count
      }
      const query = this.note(server, stream.remoteAddress.port, buffer.slice(2, length), true)
      for (const message of messagesOf(answer(query), query)) {
        await stream.write(Uint8Array.from([...u16(message.length), ...message]))
      }
    })
  }

  /** Sends octets to the resolver from one of the servers' sockets, whoever was asked. */
  inject(server: string, port: number, message: Uint8Array): void {
    this.sockets.get(server)!.send(addressOf('10.0.0.1'), port, message, 0, message.length)
  }

  /** As `serve` would have answered, but now. */
  answerLate(
    server: string,
    query: { id: number; name: string; type: number; port: number },
    fields: Partial<ResponseFields>,
  ): void {
    const { id, name, type, port } = query
    this.inject(server, port, response({ id, questions: [{ name, type }], ...fields }))
  }

  resolve(hostname: string, family?: 4 | 6): Promise<string[]> {
    return this.run(this.stacks.left.resolve(hostname, family === undefined ? {} : { family }))
  }

  async run<T>(work: Promise<T>, limitMs = 120_000): Promise<T> {
    let isDone = false
    const watched = work.finally(() => {
      isDone = true
    })
    watched.catch(() => {})
    await this.stacks.settle(() => isDone, limitMs)
    return watched
  }

  /** What was asked, in short: "10.0.0.2 A www.example.com". */
  asked(): string[] {
    return this.queries.map(({ server, name, type, overTcp }) =>
      [server, TYPE_NAMES[type], name, ...(overTcp ? ['tcp'] : [])].join(' '),
    )
  }

  private note(server: string, port: number, bytes: Uint8Array, overTcp: boolean): ServedQuery {
    const query = { ...readQuery(bytes), server, port, overTcp, atMs: this.clock.nowMs }
    this.queries.push(query)
    return query
  }
}

const TYPE_NAMES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' }

function addressOf(text: string): IpAddress {
  const address = parseIpAddress(text)
  if (address === null) throw new Error(`Cannot parse ${text}`)
  return address
}

function messagesOf(answer: Answer | readonly Answer[], query: ServedQuery): Uint8Array[] {
  const answers = Array.isArray(answer) ? answer : [answer]
  return answers.flatMap((it: Answer) => {
    if (it === null) return []
    if (it instanceof Uint8Array) return [it]
    const { name, type, id } = query
    return [response({ id, questions: [{ name, type }], ...it })]
  })
}
