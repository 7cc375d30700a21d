/** The port of a guest that a person is led to, and what to say when there is none. */
import { setTimeout as delay } from 'node:timers/promises'
import type { BootedGuest } from './boot-guest.ts'
import { guestFailure } from './guest-failure.ts'
import type { RunNetwork } from './network.ts'
import { portToServe, reachableAddresses } from './ready-event.ts'

/** An app may do something first, and listen a moment after the guest is ready. */
const LATE_MS = 3000

/**
 * Undefined when the guest serves UDP only, or nothing within the time. Throws RunError when it
 * ends meanwhile.
 */
export async function awaitServedPort({ vm, ready }: BootedGuest): Promise<number | undefined> {
  const port = portToServe(ready)
  if (port !== undefined || ready.listening.length > 0) return port
  const late = vm.events
    .once('listening', { timeoutMs: LATE_MS })
    .then(({ value }) => (value.protocol === 'tcp' ? Number(value.port) : undefined))
    .catch(() => undefined)
  const found = await late
  // The panic is told before the exit.
  if (found === undefined) await Promise.race([vm.exited, delay(100)])
  if (vm.exit !== undefined) throw guestFailure(vm, 'The guest ended')
  return found
}

/** How to reach a guest that no port of 127.0.0.1 leads to. */
export function explainNoPort({ vm, ready }: BootedGuest, network: RunNetwork): string {
  const received = vm.events.received.map(({ value }) => value)
  const late = received.filter(({ event }) => event === 'listening')
  const udp = [...ready.listening, ...late].find(({ protocol }) => protocol === 'udp')
  if (udp === undefined)
    return 'Nothing listens on a port of the guest: there is nowhere to lead to.'
  const { ipv4, ipv6 } = reachableAddresses(ready)
  const where = `UDP port ${udp.port} of the guest`
  if (network.topology === undefined)
    return `Serving ${where}, to which nothing leads: use NET=tap.`
  const { pid, privilege } = network.topology.near
  const enter = `nsenter --target ${pid} ${privilege === 'root' ? '' : '--user --preserve-credentials '}--net`
  return `Serving ${where}. Try it:  echo -n hello | ${enter} socat -t1 - UDP:${ipv4 ?? `[${ipv6}]`}:${udp.port}`
}
