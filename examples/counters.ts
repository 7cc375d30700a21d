/**
 * A UDP service: counts what it is sent by name, and answers with the count.
 *
 * make run APP=examples/counters.ts shows the guest's address. The guest's network is private to
 * make run; with a TAP of your own: echo -n apples | nc -u -w1 10.0.0.2 7001
 */
import { listenDatagram } from 'eremite'

/** Anybody may send: the names that are kept are few, and short. */
const NAME_LIMIT = 1000
const NAME_LENGTH_LIMIT = 100

const counts = new Map<string, number>()
const endpoint = listenDatagram({ port: 7001 }, async (bytes, from) => {
  const name = new TextDecoder().decode(bytes).trim().slice(0, NAME_LENGTH_LIMIT)
  if (name === '' || (counts.size === NAME_LIMIT && !counts.has(name))) return
  const count = (counts.get(name) ?? 0) + 1
  counts.set(name, count)
  await endpoint.send(new TextEncoder().encode(`${name} ${count}\n`), from)
})
