/** The way of the log to its collector: a UDP port or a connection of the guest's own stack. */
import type { TcpStream } from '../net/api/tcp-stream.ts'
import type { UdpEndpoint } from '../net/api/udp-endpoint.ts'
import type { SyslogClient, SyslogTarget, SyslogTransport } from './syslog-client.ts'
import type { TimerQueue } from './timer-queue.ts'

/** A collector that takes nothing for so long is given up, and tried anew. */
const USER_TIMEOUT_MS = 30_000

export interface SyslogParts {
  readonly connect: (target: { hostname: string; port: number }) => Promise<TcpStream>
  readonly connectDatagram: (target: { hostname: string; port: number }) => Promise<UdpEndpoint>
  /** Those of the interface, with their prefixes. */
  readonly addressTexts: () => readonly string[]
  readonly encodeUtf8: (text: string, target: Uint8Array, offset: number) => number
  readonly timers: TimerQueue
  readonly nowNs: () => number
  readonly random: { nextInt32(): number }
}

export function openSyslog(client: SyslogClient, target: SyslogTarget, parts: SyslogParts): void {
  const { timers, nowNs, random } = parts
  client.start({
    open: target.protocol === 'udp' ? () => openUdp(target, parts) : () => openTcp(target, parts),
    isCounted: target.protocol === 'tcp',
    hostName: () => ownAddress(parts.addressTexts(), target.hostname.includes(':')),
    encodeText(text) {
      const bytes = new Uint8Array(text.length * 3)
      return bytes.subarray(0, parts.encodeUtf8(text, bytes, 0))
    },
    pause: (delayMs) =>
      new Promise((resolve) => timers.add(nowNs() + delayMs * 1e6, () => resolve())),
    drawFraction: () => (random.nextInt32() >>> 0) / 2 ** 32,
  })
}

async function openUdp(target: SyslogTarget, parts: SyslogParts): Promise<SyslogTransport> {
  const endpoint = await parts.connectDatagram(target)
  return { send: (bytes) => endpoint.send(bytes), close: () => endpoint.close() }
}

async function openTcp(target: SyslogTarget, parts: SyslogParts): Promise<SyslogTransport> {
  const stream = await parts.connect(target)
  stream.setUserTimeout(USER_TIMEOUT_MS)
  return {
    async send(bytes) {
      if (stream.error !== null) throw stream.error
      // It has ended, which is no error; what is sent to it now is read by nobody.
      if (stream.info().state === 'CLOSE-WAIT') throw new Error('The collector has gone')
      await stream.write(bytes)
    },
    close: () => stream.abort(),
  }
}

/** An address of the collector's family that others know too, else any; empty without one. */
function ownAddress(texts: readonly string[], isIpv6: boolean): string {
  const bare = texts.map((text) => text.split('/')[0]!)
  const known = bare.filter((text) => !text.startsWith('fe80:'))
  return known.find((text) => text.includes(':') === isIpv6) ?? known[0] ?? bare[0] ?? ''
}
