/**
 * Local ports of active opens: found at random, and still found where nearly all are taken (RFC
 * 6056).
 */
import { describe, expect, it } from 'vitest'
import { ConnectionTable } from '../../../../../net/socket/tcp/connection-table.ts'
import { ListenerTable } from '../../../../../net/socket/tcp/open/listener-table.ts'
import { PortChooser } from '../../../../../net/socket/tcp/open/port-chooser.ts'
import { Secrets } from '../../../../../net/socket/tcp/open/secrets.ts'
import { WaitTable } from '../../../../../net/socket/tcp/reply/wait-table.ts'
import { parseIpAddress } from '../../../../../net/wire/ip-address-text.ts'
import { testBulk } from '../../../../support/memory.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'

const LOCAL = parseIpAddress('192.0.2.1')!
const REMOTE = parseIpAddress('192.0.2.9')!
const FIRST = 1024

/** A chooser where only ports for which `isFree` holds are free. */
class Crowded extends PortChooser {
  asked = 0
  private readonly isPortFree: (port: number) => boolean

  constructor(isPortFree: (port: number) => boolean) {
    super(
      new Secrets(new SeededRandom(11), testBulk),
      new ConnectionTable(new Uint8Array(8), testBulk),
      new WaitTable({ maxFinWait2: 16, maxTimeWait: 16, timeWaitMs: 1000 }, testBulk),
      new ListenerTable(),
    )
    this.isPortFree = isPortFree
  }

  override isTaken(...[, port]: Parameters<PortChooser['isTaken']>): boolean {
    this.asked++
    return !this.isPortFree(port)
  }
}

const PATH = { source: LOCAL, destination: REMOTE, interfaceIndex: 0 }

describe('a local port', () => {
  it('is another one each time, of the whole range but the well-known ports', () => {
    const chooser = new Crowded(() => true)
    const ports = Array.from({ length: 2_000 }, () => chooser.choose(PATH, 80))
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(FIRST)
    expect(Math.min(...ports)).toBeLessThan(FIRST + 500)
    expect(Math.max(...ports)).toBeGreaterThan(65_000)
    expect(new Set(ports).size).toBeGreaterThan(0.95 * ports.length)
  })

  it('is found where all but one in two hundred are taken, every time', () => {
    const chooser = new Crowded((port) => port % 200 === 7)
    for (let count = 0; count < 500; count++) {
      expect(chooser.choose(PATH, 80) % 200).toBe(7)
    }
  })

  it('is not looked for without end', () => {
    const chooser = new Crowded(() => false)
    expect(chooser.choose(PATH, 80)).toBe(0)
    expect(chooser.asked).toBeLessThan(1_100)
  })
})
