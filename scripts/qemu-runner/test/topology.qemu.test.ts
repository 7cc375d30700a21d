/**
 * The network fixture with a Linux host in the guest's place: a TAP's frames, software
 * segmentation, captures, peers.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Capture,
  decodeFrame,
  judgeDeviceFrames,
  judgeSegments,
  NamespaceCommandError,
  NamespaceError,
  NetworkNamespace,
  Peer,
  readPcap,
  Topology,
} from '../src/index.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('NetworkNamespace', () => {
  it.each(['root', 'user'] as const)('is private and can hold a TAP (%s)', async (privilege) => {
    const namespace = await NetworkNamespace.create({ label: 'test', privilege })
    try {
      const links = await namespace.script('ip tuntap add dev tap0 mode tap vnet_hdr; ip -br link')
      expect(
        links
          .trim()
          .split('\n')
          .map((line) => line.split(/\s+/)[0])
          .sort(),
      ).toEqual(['lo', 'tap0'])
      await namespace.setSysctl('net.ipv4.tcp_timestamps', 0)
      const { stdout } = await namespace.run(['cat', '/proc/sys/net/ipv4/tcp_timestamps'])
      expect(stdout.trim()).toBe('0')
    } finally {
      await namespace.close()
    }
  })

  it('shows the words of a command that fails', async () => {
    const namespace = await NetworkNamespace.create({ label: 'test' })
    try {
      const failing = namespace.run(['ip', 'link', 'show', 'dev', 'nonesuch'])
      await expect(failing).rejects.toThrow(NamespaceCommandError)
      await expect(failing).rejects.toThrow(/namespace test: ip link show.*nonesuch/)
    } finally {
      await namespace.close()
    }
  })

  it('names both reasons when it cannot be had', async () => {
    const dead = await NetworkNamespace.create({ label: 'dead' })
    await dead.close()
    const orphan = NetworkNamespace.create({ label: 'orphan', beside: dead })
    await expect(orphan).rejects.toThrow(NamespaceError)
  })
})

describe.each(['root', 'user'] as const)('Topology as %s', (privilege) => {
  it('segments and checksums in software behind the router, seen by the capture', async () => {
    const topology = await Topology.routed({ privilege })
    const server = await Peer.start(topology.far)
    try {
      // The router's own kernel sends to the far end: super-segments must leave va as single
      // packets.
      const path = join(folder, `routed-${privilege}.pcap`)
      const capture = await Capture.start(topology.wire, path)
      await topology.far.script(
        'cd /tmp; (socat -u TCP6-LISTEN:9,reuseaddr,ipv6-v6only=0 OPEN:/dev/null > /dev/null 2>&1 &) ; sleep 0.3',
      )
      const client = await Peer.start(topology.near)
      const bytes = 1 << 20
      await client.request('discard', {
        host: topology.peerAddress4,
        port: 9,
        bytes,
        timeoutMs: 10_000,
      })
      await client.close()
      await capture.stop()
      const frames = await readPcap(path)
      const verdict = judgeSegments(frames, { source: '10.0.1.1', mtu: 1500 })
      expect(verdict.violations).toEqual([])
      // A busy machine may send a tail twice.
      expect(verdict.payloadBytes).toBeGreaterThanOrEqual(bytes)
      expect(verdict.largestFrame).toBeLessThanOrEqual(1514)
      // The far end does offload: the judge must notice that its frames are not fit for a wire.
      const far = judgeSegments(frames, { source: topology.peerAddress4, mtu: 1500 })
      expect(far.violations.join('\n')).toContain('TCP checksum is seed')
      expect(judgeDeviceFrames(frames, { source: topology.peerAddress4 }).violations).toEqual([])
    } finally {
      await server.close()
      await topology.close()
    }
  })
})

describe('Capture', () => {
  it('ends a program that does not, and says so', async () => {
    const topology = await Topology.direct()
    try {
      const capture = await Capture.start(topology.tap, join(folder, 'stuck.pcap'))
      process.kill(capture.pid, 'SIGSTOP')
      await expect(capture.stop()).rejects.toThrow(/Cannot trust capture .*stuck\.pcap: no summary/)
    } finally {
      await topology.close()
    }
  })

  it('can be given up without a verdict', async () => {
    const topology = await Topology.direct()
    try {
      const capture = await Capture.start(topology.tap, join(folder, 'closed.pcap'))
      await capture.close()
      await capture.close()
    } finally {
      await topology.close()
    }
  })

  it('names what is wrong with its path at once', async () => {
    const topology = await Topology.direct()
    try {
      const starting = Capture.start(topology.tap, '/nonexistent/folder/x.pcap')
      await expect(starting).rejects.toThrow(/Cannot capture on tap0 of host: .*nonexistent/s)
    } finally {
      await topology.close()
    }
  })
})

describe('Topology.announceMss', () => {
  it.each([
    ['direct', 536],
    ['routed', 1220],
    ['bridged', 1000],
  ] as const)('changes the MSS in the SYNs of the %s topology to %i', async (kind, mss) => {
    const topology = await Topology[kind]()
    // A carrier for the TAP, and a static neighbor, so that a SYN leaves without a guest.
    const holder = topology.near.spawn(
      ['socat', 'TUN,tun-type=tap,tun-name=tap0,iff-no-pi', 'EXEC:sleep 30'],
      { stdio: 'ignore' },
    )
    try {
      await topology.announceMss(mss)
      const device = kind === 'direct' ? 'tap0' : 'vb'
      if (kind !== 'routed') {
        await topology.far.script(
          `ip neigh replace 10.0.0.2 lladdr 52:54:00:12:34:56 dev ${device} nud permanent`,
        )
      }
      const path = join(folder, `mss-${kind}.pcap`)
      const capture = await Capture.start(topology.wire, path)
      const peer = await Peer.start(topology.far)
      await peer
        .request('connect', { host: '10.0.0.2', port: 80, timeoutMs: 300 })
        .catch(() => undefined)
      await peer.close()
      await capture.stop()
      const syns = (await readPcap(path)).map(decodeFrame).filter(({ tcp }) => tcp?.syn)
      expect(syns[0]?.tcp?.mss).toBe(mss)
    } finally {
      holder.kill('SIGKILL')
      await topology.close()
    }
  })
})

/** Resolves once somebody listens there: a service that was just spawned takes a moment. */
async function listening(peer: Peer, target: { host: string; port: number }): Promise<void> {
  const deadline = performance.now() + 10_000
  for (;;) {
    try {
      await peer.request('connect', { ...target, timeoutMs: 1000 })
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(20)
    }
  }
}

describe('Peer', () => {
  it('relays connections from outside its namespace to an address inside', async () => {
    const topology = await Topology.direct()
    const inside = await Peer.start(topology.near)
    const outside = createServer()
    try {
      // An echo service on the namespace's loopback, which nothing outside can reach directly.
      const echo = topology.near.spawn(['socat', 'TCP-LISTEN:7,fork,reuseaddr', 'EXEC:cat'], {
        stdio: 'ignore',
      })
      await listening(inside, { host: '127.0.0.1', port: 7 })
      await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', () => resolve()))
      const { port } = outside.address() as { port: number }
      await inside.forward(outside, { host: '127.0.0.1', port: 7 })
      // Several: none may end up with the process that no longer serves them.
      for (let count = 0; count < 5; count++) {
        const socket = connect(port, '127.0.0.1')
        const answer = new Promise<string>((resolve, reject) => {
          socket.once('data', (chunk) => resolve(String(chunk)))
          socket.once('close', () => reject(new Error('The relay closed without an answer')))
        })
        socket.write('over the wall')
        expect(await answer).toBe('over the wall')
        socket.destroy()
      }
      echo.kill('SIGKILL')
    } finally {
      outside.close()
      await inside.close()
      await topology.close()
    }
  })

  it('answers for a peer that has stopped: no request hangs', async () => {
    const peer = await Peer.start()
    try {
      process.kill(peer.pid, 'SIGSTOP')
      const target = { host: '127.0.0.1', port: 1, timeoutMs: 100 }
      await expect(peer.request('connect', target)).rejects.toThrow(
        /Cannot ask the peer to connect: no answer within \d+ ms/,
      )
    } finally {
      await peer.close()
    }
    await expect(peer.request('forward', { host: 'x', port: 1 })).rejects.toThrow('it has ended')
  })

  it('gives the system’s code when a connection is refused', async () => {
    const topology = await Topology.direct()
    const peer = await Peer.start(topology.near)
    try {
      const refused = peer.request('connect', { host: '127.0.0.1', port: 1, timeoutMs: 1000 })
      await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    } finally {
      await peer.close()
      await topology.close()
    }
  })
})
