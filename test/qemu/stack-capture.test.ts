/**
 * The capture that the guest's own stack makes, read by tshark on the host and compared with what
 * was seen from outside.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeFrame, type Lan } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { arpReply, arpRequest, ping4, tcp } from './support/frames.ts'
import { GUEST_HOST, GUEST_SOURCE, LAN_APPEND } from './support/guest-addresses.ts'
import { awaitReady } from './support/site.ts'
import { CAPTURE_PORT, capturePort, isWhole, readCapture } from './support/stack-capture.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const HTTP = 80
const ETHERNET_MTU = 1514
const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18

test.override('guest', { ...GUEST, network: 'direct' })

describe('on a TAP', () => {
  const BYTES = 2 << 20

  test.for(['q35', 'microvm'] as const)(
    'holds the frames that the TAP saw, super-frames whole and with good checksums (%s)',
    { timeout: 60_000 },
    async (machine, { site }) => {
      const path = join(site.folder, `${machine}.pcapng`)
      const vm = await site.launch({ machine, serialPorts: [capturePort(path)] })
      await awaitReady(vm)
      const { frames } = await site.capture([site.topology.tap], async () => {
        for (const host of [GUEST_HOST[4], GUEST_HOST[6]]) {
          await expectDownload(site.peer, { host }, BYTES)
          await expectUpload(site.peer, { host }, BYTES)
        }
      })
      await vm.stop('kill')
      expect(isWhole(path)).toBe(true)
      const recorded = await readCapture(path, `tcp.port == ${HTTP}`)
      const sent = recorded.filter(({ direction }) => direction === 'out')
      const received = recorded.filter(({ direction }) => direction === 'in')
      const seen = frames[0]!.map((frame) => ({ ...decodeFrame(frame), length: frame.length }))
      const onWire = seen.filter(({ tcp: segment }) => segment !== undefined)
      const isOurs = (source: string): boolean =>
        source === GUEST_SOURCE[4] || source === GUEST_SOURCE[6]
      const lengths = (ours: boolean) =>
        onWire.filter(({ ip }) => isOurs(ip!.source) === ours).map(({ length }) => length)
      expect(sent.map(({ length }) => length)).toEqual(lengths(true))
      expect(received.map(({ length }) => length)).toEqual(lengths(false))
      for (const list of [sent, received]) {
        expect(Math.max(...list.map(({ length }) => length))).toBeGreaterThan(32_000)
        // tcp.checksum.status, and ip.checksum.status with IPv4: 1 is good.
        for (const { checksums } of list) {
          expect(checksums.length).toBeGreaterThan(0)
          expect(new Set(checksums)).toEqual(new Set([1]))
        }
        for (const { length, tcpLength, comment } of list) {
          if (length <= ETHERNET_MTU) continue
          const [, segments, size] = /^(\d+) segments of (\d+) octets/.exec(comment)!
          expect(Number(segments)).toBe(Math.ceil(tcpLength / Number(size)))
        }
      }
      const times = recorded.map(({ epoch }) => epoch)
      expect([...times].sort((a, b) => a - b)).toEqual(times)
      expect(recorded.every(({ droppedBefore }) => droppedBefore === 0)).toBe(true)
    },
  )

  test('is readable after QEMU is killed in the middle of a transfer, up to what was handed over', async ({
    site,
  }) => {
    const path = join(site.folder, 'killed.pcapng')
    const vm = await site.launch({ serialPorts: [capturePort(path)] })
    await awaitReady(vm)
    const [host, bytes] = [GUEST_HOST[4], `/bytes/${1 << 30}`]
    const target = { host, port: HTTP, path: bytes, digest: 'none', timeoutMs: 4000 } as const
    const transfer = site.peer.request('download', target)
    transfer.catch(() => undefined)
    await delay(1500)
    await vm.stop('kill')
    await expect(transfer).rejects.toThrow()
    // The kernel may have been in the middle of QEMU's last write: then, and only there, tshark
    // finds a cut.
    const readable = isWhole(path)
      ? await readCapture(path)
      : await readCapture(path).catch((error: { stderr?: string; stdout?: string }) => {
          expect(error.stderr).toMatch(/cut short in the middle of a packet/)
          return error.stdout!.trim().split('\n')
        })
    expect(readable.length).toBeGreaterThan(50)
  })

  test('never blocks the stack when nobody reads, and says how many frames were lost', async ({
    site,
  }) => {
    const path = join(site.folder, 'fifo')
    execFileSync('mkfifo', [path])
    // Open for reading as well, so that QEMU can open it; nothing is read.
    const fifo = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const vm = await site.launch({ serialPorts: [capturePort(path)] })
    await awaitReady(vm)
    await expectDownload(site.peer, { host: GUEST_HOST[4] }, 16 << 20)
    const chunks: Buffer[] = []
    const drain = (): void => {
      const chunk = Buffer.alloc(1 << 20)
      for (;;) {
        try {
          chunks.push(Buffer.from(chunk.subarray(0, readSync(fifo, chunk))))
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN')
          return
        }
      }
    }
    for (let round = 0; round < 100; round++) {
      drain()
      await delay(5)
    }
    await expectDownload(site.peer, { host: GUEST_HOST[4] }, 1000)
    await delay(200)
    drain()
    const { packets, dropped } = countBlocks(Buffer.concat(chunks))
    expect(packets).toBeGreaterThan(20)
    expect(dropped).toBeGreaterThan(100)

    closeSync(fifo)
  })
})

/** Whole packet blocks, and the sum of their epb_dropcount options. */
function countBlocks(file: Buffer): { packets: number; dropped: number } {
  let packets = 0
  let dropped = 0
  for (let at = 0; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at + 4)
    expect(length % 4).toBe(0)
    if (at + length > file.length) break
    expect(file.readUInt32BE(at + length - 4)).toBe(length)
    if (file.readUInt32BE(at) === 6) {
      packets++
      const captured = file.readUInt32BE(at + 20)
      for (let option = at + 28 + ((captured + 3) & ~3); option < at + length - 4; ) {
        const size = file.readUInt16BE(option + 2)
        if (file.readUInt16BE(option) === 4) dropped += Number(file.readBigUInt64BE(option + 4))
        option += 4 + ((size + 3) & ~3)
      }
    }
    at += length
  }
  return { packets, dropped }
}

describe('on a wire that is the test itself', () => {
  test.override('guest', { ...GUEST, network: 'lan', append: { ...LAN_APPEND, ip6: 'off' } })

  const CLIENT = 40_123

  test('comments losses, probes and drops as they were made', async ({
    launchGuest,
    lan,
    folder,
  }) => {
    const path = join(folder, 'lan.pcapng')
    const vm = await launchGuest({ serialPorts: [capturePort(path)] })
    await awaitReady(vm)
    lan.send(arpRequest())
    const client = new Client(lan, CLIENT)
    await client.connect()
    // Nothing is acknowledged: the timer runs out, twice.
    client.get('/bytes/30000')
    await client.untilSeen(client.acknowledged, 3)
    // All of that arrived; of what follows the first segment is lost.
    client.acknowledge(client.highest)
    // At once: a time-out in between would forbid the fast retransmit (RFC 6582 §3.2 step 4).
    await client.untilAhead()
    for (let count = 0; count < 4; count++) client.acknowledge(client.acknowledged)
    await client.untilSeen(client.acknowledged, 2)
    // The window closes on everything that is in flight, and opens again.
    client.acknowledge(client.highest, 0)
    const closedAt = client.highest
    await client.untilSeen(closedAt, 2)
    client.acknowledge(closedAt, 65_535)
    await client.untilMore()
    lan.send(ping4('spoiled', { spoilChecksum: 1 }))
    lan.send(tcp({ sourcePort: 9, destinationPort: 9, sequence: 1, flags: SYN, spoilChecksum: 1 }))
    lan.send(tcp({ sourcePort: 9, destinationPort: 9, sequence: 1, flags: ACK }))
    lan.send(ping4('good'))
    await client.untilAnswered()
    await vm.stop('kill')

    const frames = await readCapture(path)
    const said = (pattern: RegExp) => frames.filter(({ comment }) => pattern.test(comment))
    expect(said(/^retransmission, time-out #1;/).length).toBeGreaterThan(0)
    expect(said(/^retransmission, time-out #2;/).length).toBeGreaterThan(0)
    expect(said(/^duplicate ACK #3: a fast retransmit follows$/)).toHaveLength(1)
    expect(said(/^fast retransmit after [34] duplicate ACKs;/)).toHaveLength(1)
    expect(said(/^zero-window probe #1;/)).toHaveLength(1)
    expect(
      said(/octets, the rest is new|begins with the octet of the probe/).length,
    ).toBeGreaterThan(0)
    expect(said(/\[interface\.icmpBadChecksum\]/)).toHaveLength(1)
    expect(said(/\[interface\.transportBadChecksum\]/)).toHaveLength(1)
    expect(said(/\[tcp\.drops\.noSocket\]/)).toHaveLength(1)
    // The card has no offload, but the stack still meant a super-frame.
    const large = frames.filter(({ length }) => length > ETHERNET_MTU)
    expect(large.length).toBeGreaterThan(0)
    expect(large[0]!.comment).toMatch(/^\d+ segments of 536 octets; cwnd 5360, 0 in flight$/)
    // Bad is what the test spoiled, and nothing else.
    expect(frames.filter(({ checksums }) => checksums.includes(0))).toHaveLength(1)
  })
})

/** A TCP client made by hand, that acknowledges what and when it is told to. */
class Client {
  /**
   * Next octet that the guest is told it may forget, and the next after the highest it has sent.
   */
  acknowledged = 0
  highest = 0
  private readonly lan: Lan
  private readonly port: number
  private sequence = 100
  private readonly seen: number[] = []

  constructor(lan: Lan, port: number) {
    this.lan = lan
    this.port = port
    lan.onFrame((frame) => {
      if (frame.toString('hex', 12, 14) === '0806' && frame[21] === 1) lan.send(arpReply())
      const { tcp: segment } = decodeFrame({ timeMs: 0, length: frame.length, bytes: frame })
      if (segment?.destinationPort !== port) return
      const length = segment.payloadLength + (segment.syn ? 1 : 0)
      if (length === 0) return
      this.seen.push(segment.sequence)
      const end = (segment.sequence + length) >>> 0
      if (this.highest === 0 || ((end - this.highest) | 0) > 0) this.highest = end
    })
  }

  async connect(): Promise<void> {
    this.send(SYN)
    this.sequence++
    await this.untilMore()
    this.acknowledge(this.highest)
  }

  get(target: string): void {
    const payload = `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`
    this.send(PSH_ACK, payload)
    this.sequence += payload.length
  }

  acknowledge(number: number, window = 65_535): void {
    this.acknowledged = number
    this.send(ACK, '', window)
  }

  /** Until the guest has sent what begins at `sequence` so often. */
  untilSeen(sequence: number, times: number): Promise<void> {
    return until(() => this.seen.filter((seen) => seen === sequence).length >= times)
  }

  /** Until the guest has sent what is not acknowledged. */
  async untilAhead(): Promise<void> {
    const before = this.acknowledged
    // Before the handshake nothing is acknowledged, and any number may be the first.
    await until(() => this.highest !== 0 && (before === 0 || ((this.highest - before) | 0) > 0))
  }

  /** The same, and nothing more for a moment. */
  async untilMore(): Promise<void> {
    await this.untilAhead()
    for (let last = -1; last !== this.highest; await delay(60)) last = this.highest
  }

  async untilAnswered(): Promise<void> {
    await until(() =>
      this.lan.frames.some(
        ({ direction, bytes }) => direction === 'from-guest' && bytes.includes('good'),
      ),
    )
  }

  private send(flags: number, payload = '', window = 65_535): void {
    this.lan.send(
      tcp({
        sourcePort: this.port,
        destinationPort: HTTP,
        sequence: this.sequence,
        acknowledgment: this.acknowledged,
        flags,
        window,
        payload,
      }),
    )
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('The guest does not do what is waited for')
    await delay(10)
  }
}

describe('the end of a run', () => {
  /** As a person gives it who runs QEMU by hand, with QEMU's defaults. */
  const byHand = (path: string, name = CAPTURE_PORT): string[] => [
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', `file,id=capture,path=${path}`],
    ...['-device', `virtserialport,chardev=capture,name=${name}`],
  ]

  test.for<[string, Record<string, string>, string | undefined, number, string]>([
    ['in order', { 'exit-after': 'ready' }, undefined, 33, 'exit code 16'],
    ['in a panic', {}, 'throws.ts', 35, 'exit code 17'],
  ])(
    '%s: the last frames are in the file, and the reason',
    async ([_how, append, app, status, words], { launchGuest, folder }) => {
      const path = join(folder, `${status}.pcapng`)
      const vm = await launchGuest({
        ...(app === undefined ? {} : { initrd: await buildApp(app) }),
        append: { ip: '10.0.0.2/24', ip6: 'off', ...append },
        network: 'none',
        extraArguments: byHand(path),
        timeoutMs: 60_000,
      })
      expect(await vm.exited).toMatchObject({ status })
      expect(isWhole(path)).toBe(true)
      const summary = execFileSync('capinfos', ['-M', path], { encoding: 'utf8' })
      expect(summary).toMatch(/Capture application: +Eremite/)
      const { statistics } = lastBlock(path)
      expect(statistics).toContain(`the guest ended with ${words}`)
    },
  )

  test('each reader of a socket gets a file of his own, whenever he comes', async ({ site }) => {
    const socket = join(site.folder, 'live')
    const vm = await site.launch({
      serialPorts: [],
      extraArguments: [
        ...['-device', 'virtio-serial-pci'],
        ...['-chardev', `socket,id=capture,path=${socket},server=on,wait=off`],
        ...['-device', `virtserialport,chardev=capture,name=${CAPTURE_PORT}`],
      ],
    })
    await awaitReady(vm)
    for (let reader = 0; reader < 3; reader++) {
      // Nobody reads this.
      await expectDownload(site.peer, { host: GUEST_HOST[4] }, 200_000)
      const connection = connect(socket)
      const chunks: Buffer[] = []
      connection.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(connection, 'connect')
      // QEMU tells the guest of it; from its next turn on everything is recorded.
      await delay(50)
      await expectDownload(site.peer, { host: GUEST_HOST[4] }, 200_000)
      await until(() => chunks.length > 0)
      await delay(200)
      connection.destroy()
      const file = Buffer.concat(chunks)
      expect(file.readUInt32BE(0)).toBe(0x0a0d0d0a)
      const { packets, dropped } = countBlocks(file)
      expect([packets > 10, dropped]).toEqual([true, 0])
      const path = `${socket}.${reader}.pcapng`
      writeFileSync(path, file)
      const frames = await readCapture(path, 'tcp.flags.syn == 1')
      expect(frames.map(({ direction }) => direction)).toEqual(['in', 'out'])
    }
  })

  test('segments are joined while nobody records, and what is switched on by then waits for that', async ({
    site,
  }) => {
    const socket = join(site.folder, 'live')
    const vm = await site.launch({
      serialPorts: [],
      extraArguments: [
        ...['-device', 'virtio-serial-pci,id=recorder'],
        ...['-chardev', `socket,id=capture,path=${socket},server=on,wait=off`],
        ...['-device', `virtserialport,id=port,chardev=capture,name=${CAPTURE_PORT}`],
      ],
    })
    await awaitReady(vm)
    const joins = async () => {
      const { receiveOffloads } = await readStats<{ receiveOffloads: { gro: boolean } }>(
        site.peer,
        GUEST_HOST[4],
      )
      return receiveOffloads.gro
    }
    const put = async (state: 'on' | 'off') => {
      const head = `PUT /offloads/gro/${state} HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n`
      const { received } = await site.peer.request('exchange', {
        ...{ host: GUEST_HOST[4], port: HTTP, halfClose: false, timeoutMs: 10_000 },
        send: Buffer.from(head).toString('base64'),
      })
      expect(Buffer.from(received, 'base64').toString()).toMatch(/^HTTP\/1.1 202 /)
    }
    expect(await joins()).toBe(true)
    const listen = async () => {
      const reader = connect(socket).resume()
      await once(reader, 'connect')
      await expect.poll(joins, { timeout: 10_000 }).toBe(false)
      return reader
    }
    const first = await listen()
    await put('on')
    expect(await joins()).toBe(false)
    first.destroy()
    await expect.poll(joins, { timeout: 10_000 }).toBe(true)
    const second = await listen()
    await put('off')
    second.destroy()
    await delay(300)
    expect(await joins()).toBe(false)
    await put('on')
    expect(await joins()).toBe(true)
  })

  test('a console without the port changes nothing: no capture, and the guest serves', async ({
    site,
  }) => {
    const path = join(site.folder, 'other')
    const vm = await site.launch({ serialPorts: [{ name: 'org.example', path }] })
    await awaitReady(vm)
    await expectDownload(site.peer, { host: GUEST_HOST[4] }, 100_000)
    expect(vm.console.lines.filter((line) => / capture: /.test(line))).toEqual([])
    await vm.stop('kill')
    const fd = openSync(path, 'r')
    expect(readSync(fd, Buffer.alloc(16))).toBe(0)
    closeSync(fd)
  })
})

/** The text in the last block, which must be Interface Statistics. */
function lastBlock(path: string): { statistics: string } {
  const fd = openSync(path, 'r')
  const file = Buffer.alloc(1 << 20)
  const length = readSync(fd, file)
  closeSync(fd)
  const size = file.readUInt32BE(length - 4)
  expect(file.readUInt32BE(length - size)).toBe(5)
  return { statistics: file.toString('utf8', length - size, length) }
}
