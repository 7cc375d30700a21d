/**
 * A flood of one flow fills its own queue of a TAP that has several: the datagrams of other flows
 * have their share (virtio 1.4 §5.1.6.5.6).
 */
import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { GUEST_ADDRESS4, type Peer } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { buildDatagramFlooder, DatagramFlood } from '../../../scripts/bench/flood/datagram-flood.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { temporaryFolder } from '../support/paths.ts'

const FLOWS = 12

test.override('guest', { ...GUEST, network: 'direct', device: { mq: true } })
test.override('topologyOptions', { tapQueues: 4 })

describe('50,000 datagrams a second of one flow', () => {
  let folder = ''
  let program = ''
  beforeAll(async () => {
    folder = temporaryFolder()
    program = await buildDatagramFlooder(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Rounds of echo by as many flows, of which each has an answer or has not. */
  async function countAnswers(peer: Peer): Promise<number> {
    const send = Buffer.from('another flow').toString('base64')
    let answers = 0
    for (let flow = 0; flow < FLOWS; flow++) {
      const target = { host: GUEST_ADDRESS4, port: 7, timeoutMs: 1000 }
      const { outcome } = await peer.request('datagram', { ...target, send })
      if (outcome === 'answer') answers++
    }
    return answers
  }

  test('leave the datagrams of flows in other queues their share', async ({ site }) => {
    const { vm } = await site.boot()
    const options = { port: 4321, perSecond: 50_000, seconds: 14, sources: 1 }
    const flood = new DatagramFlood(program, site.topology.near, options)
    await delay(1500)
    const answers = await countAnswers(site.peer)
    expect(flood.isOver).toBe(false)
    // A quarter of them is in the flooded queue, in the mean. With one pair there is no answer.
    expect(answers).toBeGreaterThanOrEqual(FLOWS / 3)
    await flood.end()
    expect(vm.console.text).not.toMatch(/panic|failed/)
  })
})
