/**
 * `npm run pictures`: renews the pictures of the README, from a guest under load and a real
 * browser.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { Peer, requireExecutable, Topology } from 'qemu-runner'
import { bootGuest } from './guest/boot-guest.ts'
import { buildImage, ROOT } from './guest/build-image.ts'
import { HTTP_PORT } from './guest/ready-event.ts'
import { reserveDoor } from './guest/serve.ts'

const PICTURES = [
  { name: 'page.png', width: 1000, height: 1000, colorScheme: 'light' },
  { name: 'page-dark.png', width: 1000, height: 1000, colorScheme: 'dark' },
] as const

const TRANSFER_BYTES = 128 << 20
/** Between small requests, so that the page has some to tell of beside the transfers. */
const SMALL_REQUESTS_MS = 20
/** Long enough for curves with something to see. */
const LOAD_MS = 40_000

async function main(folder: string): Promise<void> {
  const { kernel } = await buildImage(undefined)
  const profile = mkdtempSync(join(tmpdir(), 'eremite-pictures-'))
  const topology = await Topology.direct()
  const peer = await Peer.start(topology.near)
  const door = await reserveDoor(0)
  const guest = await bootGuest({
    kernel,
    machine: 'q35',
    accel: 'tcg',
    network: { kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
    append: topology.guestAppend,
  })
  try {
    const host = '10.0.0.2'
    await peer.forward(door.server, { host, port: HTTP_PORT })
    const browser = await chromium.launchPersistentContext(profile, {
      executablePath: requireExecutable('chromium'),
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    })
    const page = browser.pages()[0] ?? (await browser.newPage())
    await page.goto(`http://127.0.0.1:${door.port}/`)
    const where = { host, port: HTTP_PORT, timeoutMs: 60_000 }
    let isDone = false
    const load = (async () => {
      const path = `/bytes/${TRANSFER_BYTES}`
      while (!isDone) {
        await peer.request('download', { ...where, path, digest: 'crc32' })
        await peer.request('upload', { ...where, path: '/sink', bytes: TRANSFER_BYTES })
      }
    })()
    const small = (async () => {
      while (!isDone) {
        await peer.request('download', { ...where, path: '/healthz', digest: 'none' })
        await page.waitForTimeout(SMALL_REQUESTS_MS)
      }
    })()
    await page.waitForTimeout(LOAD_MS)
    for (const { name, width, height, colorScheme } of PICTURES) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme })
      await page.waitForTimeout(1500)
      await page.screenshot({ path: join(folder, name) })
      console.log(`Drew ${join(folder, name)}`)
    }
    isDone = true
    await Promise.all([load, small])
    await browser.close()
  } finally {
    await guest.vm.close()
    door.server.close()
    await peer.close()
    await topology.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

const folder = join(ROOT, '.github/pictures')
mkdirSync(folder, { recursive: true })
const bench = join(ROOT, 'build/bench/bench.svg')
// make bench takes minutes and a quiet machine: its last picture is taken as it is.
if (existsSync(bench)) copyFileSync(bench, join(folder, 'bench.svg'))
else console.log(`No picture of make bench: ${bench} is not there; run it first`)
await main(folder)
