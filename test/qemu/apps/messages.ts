/**
 * An app that does what it is told in a line of JSON, over TCP, and answers in JSON: datagrams,
 * groups, pings, raw IP.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import {
  connectDatagram,
  type DeliveryError,
  listen,
  listenDatagram,
  openRaw,
  ping,
  type RawEndpoint,
  type UdpEndpoint,
} from 'eremite'

interface Order {
  do: 'open' | 'join' | 'leave' | 'take' | 'send' | 'ping' | 'refused' | 'raw' | 'rawTake'
  port?: number
  group?: string
  sources?: string[]
  to?: string
  text?: string
  settings?: Record<string, unknown>
}

const endpoints = new Map<number, UdpEndpoint>()
const received = new Map<number, unknown[]>()
const errors: string[] = []
let raw: RawEndpoint | null = null
const rawReceived: unknown[] = []
const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function describeError(error: DeliveryError): string {
  return `${error.code} ${error.hostname} ${error.port} by ${error.reporter}`
}

function endpointOf(port: number): UdpEndpoint {
  let endpoint = endpoints.get(port)
  if (endpoint === undefined) {
    const list: unknown[] = []
    endpoint = listenDatagram({ port }, (bytes, from, details) => {
      list.push({ text: decode(bytes), from: from.hostname, ...details })
    })
    endpoint.onError = (error) => errors.push(describeError(error))
    endpoints.set(port, endpoint)
    received.set(port, list)
  }
  return endpoint
}

/** What ICMP says to a socket with one peer, sent to until it does. */
async function awaitRefusal(to: string, port: number): Promise<string> {
  const endpoint = await connectDatagram({ hostname: to, port })
  try {
    for (let tries = 0; tries < 50; tries++) {
      await endpoint.send(encode('anybody?'))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return 'silence'
  } catch (error) {
    return describeError(error as DeliveryError)
  } finally {
    endpoint.close()
  }
}

function openRawSocket(): RawEndpoint {
  const endpoint = openRaw({ protocol: 253 })
  endpoint.onError = (error) => errors.push(describeError(error))
  const take = async () => {
    for await (const [payload, from] of endpoint) rawReceived.push({ text: decode(payload), from })
  }
  void take()
  return endpoint
}

async function obey(order: Order): Promise<unknown> {
  const { port = 0, group = '', to = '', text = '', settings = {} } = order
  switch (order.do) {
    case 'open':
      endpointOf(port).configure(settings)
      return 'opened'
    case 'join':
      endpointOf(port).joinGroup(
        group,
        order.sources === undefined ? {} : { sources: order.sources },
      )
      return 'joined'
    case 'leave':
      endpointOf(port).leaveGroup(group)
      return 'left'
    case 'take':
      return { received: received.get(port) ?? [], errors }
    case 'send':
      endpointOf(7999).configure(settings)
      return endpointOf(7999).send(encode(text), { hostname: to, port })
    case 'ping':
      return ping(to, settings)
    case 'refused':
      return awaitRefusal(to, port)
    case 'raw':
      raw ??= openRawSocket()
      return to === '' ? 'opened' : raw.send(encode(text), to)
    case 'rawTake':
      return rawReceived
  }
}

listen({ port: 7000 }, async (connection) => {
  const bytes = new Uint8Array(4096)
  const length = (await connection.read(bytes)) ?? 0
  let answer: unknown
  try {
    answer = { result: await obey(JSON.parse(decode(bytes.subarray(0, length))) as Order) }
  } catch (error) {
    const { code, message, reporter } = error as DeliveryError
    answer = { code, message, reporter }
  }
  await connection.write(encode(JSON.stringify(answer)))
})
