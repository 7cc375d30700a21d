/**
 * Finds others on the link: tells a multicast group its name every few seconds, and lists at
 * http://guest:8080/ whom it has heard, with the time that a ping takes.
 *
 * make run APP=examples/discovery.ts has a network of its own, with nobody else in it. With a TAP:
 *   echo -n printer | socat - UDP4-DATAGRAM:239.255.42.99:4299,so-bindtodevice=tap0
 *   curl http://10.0.0.2:8080/
 */
import { listenDatagram, ping } from 'eremite'

const GROUP = '239.255.42.99'
const PORT = 4299
const ANNOUNCE_MS = 5_000
/** Who has been silent for so long has gone. */
const LIFETIME_MS = 20_000
/** Anybody may announce anything: the list is short, and so are names. */
const PEER_LIMIT = 100
const NAME_LENGTH_LIMIT = 60

const peers = new Map<string, { name: string; heardMs: number }>()

const endpoint = listenDatagram({ port: PORT }, (bytes, from, { toGroup }) => {
  if (!toGroup || (peers.size === PEER_LIMIT && !peers.has(from.hostname))) return
  const name = new TextDecoder().decode(bytes).slice(0, NAME_LENGTH_LIMIT)
  peers.set(from.hostname, { name, heardMs: performance.now() })
})
endpoint.configure({ loopback: false })
endpoint.joinGroup(GROUP)

function announce(): void {
  for (const [hostname, { heardMs }] of peers) {
    if (performance.now() - heardMs > LIFETIME_MS) peers.delete(hostname)
  }
  // Without a network at the moment, the next time may be better.
  endpoint
    .send(new TextEncoder().encode('eremite'), { hostname: GROUP, port: PORT })
    .catch(() => {})
}
setInterval(announce, ANNOUNCE_MS)
announce()

async function describe([hostname, { name }]: [string, { name: string }]) {
  const reply = await ping(hostname, { timeoutMs: 1_000 }).catch(() => null)
  return { name, hostname, roundTripMs: reply === null ? null : reply.roundTripMs }
}

export default {
  port: 8080,
  async fetch(): Promise<Response> {
    return Response.json(await Promise.all([...peers].map(describe)))
  },
}
