/** log=trace: one line for every frame that the stack sends or is given, super-segments whole. */
import { describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { expectDownload, expectEcho } from './support/transfer.ts'

const LENGTH_BYTES = 100_000

describe('log=trace', () => {
  test.override('guest', { ...GUEST, network: 'direct', append: { log: 'trace' } })

  test('prints each packet in one line, with addresses, TCP fields and segment size', async ({
    vm,
    ready,
    peer,
  }) => {
    expect(ready.features.negotiated).toContain('HOST_TSO4')
    await expectDownload(peer, { host: GUEST_HOST[4] }, LENGTH_BYTES)
    // The reader may be behind the network.
    await vm.console.expect(/ wire: tx .*\[FIN,? ?ACK\]| wire: rx .*\[.*FIN/, { timeoutMs: 10_000 })
    const lines = vm.console.lines.filter((line) => / wire: [rt]x /.test(line))
    const syns = lines.filter((line) => /\[SYN\]/.test(line))
    expect(syns).toHaveLength(1)
    expect(syns[0]).toMatch(/ wire: rx .*10\.0\.0\.1.*10\.0\.0\.2.*TCP \d+ > 80 \[SYN\] seq=\d+/)
    const superSegment = /wire: tx .*TCP 80 > \d+ \[.*len=(\d+) segments of 1448$/
    const lengths = lines.map((line) => Number(superSegment.exec(line)?.[1] ?? 0))
    expect(Math.max(...lengths)).toBeGreaterThan(1448)
  })
})

describe('a reader of the serial port who hangs', () => {
  const append = { log: 'trace', offload: 'none' }
  test.override('guest', { ...GUEST, network: 'direct', append })

  test('does not stop the network, and is told how much he missed', async ({ vm, ready, peer }) => {
    expect(ready.listening).toContainEqual({ port: 80, protocol: 'tcp' })
    vm.console.pause()
    // One line a packet: more than QEMU's buffers and the guest's ring hold.
    await expectDownload(peer, { host: GUEST_HOST[4] }, 9 << 20)
    vm.console.resume()
    const report = /^console: (\d+) lines \(\d+ bytes\) were lost here/
    const [, lost] = await vm.console.expect(report, { timeoutMs: 30_000 })
    expect(Number(lost)).toBeGreaterThan(0)
    // What is written from then on comes again.
    await expectEcho(peer, { host: GUEST_HOST[4] }, [100])
    await vm.console.expect(/ wire: tx .*TCP 7 > \d+ .*len=100/, { timeoutMs: 30_000 })
  })
})

describe('without it', () => {
  test.override('guest', { ...GUEST, network: 'direct', append: { log: 'debug' } })

  test('no packet is printed', async ({ vm, ready, peer }) => {
    expect(ready.listening).toContainEqual({ port: 80, protocol: 'tcp' })
    await expectDownload(peer, { host: GUEST_HOST[4] }, LENGTH_BYTES)
    expect(vm.console.lines.filter((line) => / wire: /.test(line))).toEqual([])
  })
})
