/** A transfer that does not end leaves a description of both ends, one that ends leaves nothing. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NetworkNamespace } from 'qemu-runner'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OverdueTransfer } from '../overdue-transfer.ts'

const PORT = 5201
const AFTER_MS = 200

let folder: string
let near: NetworkNamespace

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overdue-transfer-'))
  near = await NetworkNamespace.create({ label: 'overdue' })
})

afterAll(async () => {
  await near.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A peer that takes a connection and reads nothing of it. */
const STALL = `
const server = require('net').createServer({ pauseOnConnect: true })
server.listen(${PORT}, '127.0.0.1', () => {
  require('net').connect(${PORT}, '127.0.0.1').write(Buffer.alloc(1 << 24))
  console.log('ready')
})
`

it('what the sockets of an overdue transfer hold is written down', async () => {
  const peer = near.spawn([process.execPath, '-e', STALL], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await new Promise((resolve) => peer.stdout!.once('data', resolve))
    const overdue = new OverdueTransfer(near, '127.0.0.1', AFTER_MS)
    await delay(2 * AFTER_MS)
    const path = await overdue.keep(folder)
    expect(path).toBeDefined()
    const text = readFileSync(path!, 'utf8')
    expect(text).toMatch(new RegExp(`ESTAB +[1-9]\\d* +\\d+ +127\\.0\\.0\\.1:${PORT}`))
    expect(text).toContain('TCP: inuse')
  } finally {
    peer.kill()
  }
})

/** Behind it nobody answers, and the neighbor is known. */
const SILENT_LINK = `
ip link add silent type veth peer name nobody
ip addr add 10.9.0.1/24 dev silent
ip link set silent up
ip link set nobody up
ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:01 dev silent nud permanent
`

it('a guest that takes no SYN does not keep the host from being asked', async () => {
  await near.script(SILENT_LINK)
  const overdue = new OverdueTransfer(near, '10.9.0.2', 0)
  await delay(AFTER_MS)
  const text = readFileSync((await overdue.keep(folder))!, 'utf8')
  expect(text).toContain('TCP: inuse')
  expect(text).toContain('no answer')
})

it('a transfer that ends in time leaves no file', async () => {
  const before = readdirSync(folder)
  const overdue = new OverdueTransfer(near, '127.0.0.1', AFTER_MS)
  overdue.end()
  await delay(2 * AFTER_MS)
  expect(await overdue.keep(folder)).toBeUndefined()
  expect(readdirSync(folder)).toEqual(before)
})
