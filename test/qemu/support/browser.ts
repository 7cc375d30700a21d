/**
 * A real browser with a profile of its own: one page, and everything it complained about or asked
 * for.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { requireExecutable } from 'qemu-runner'

const START_TIMEOUT_MS = 60_000
/** For one step on the page; a loaded machine draws slowly. */
const STEP_TIMEOUT_MS = 30_000

export interface BrowserSession {
  readonly page: Page
  /** Messages of the console at level error or warning, and uncaught exceptions. */
  readonly complaints: string[]
  /** Addresses of everything that was asked for, data: left out. */
  readonly requests: string[]
  close(): Promise<void>
}

export async function openBrowser(): Promise<BrowserSession> {
  const profile = mkdtempSync(join(tmpdir(), 'eremite-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: requireExecutable('chromium'),
    headless: true,
    timeout: START_TIMEOUT_MS,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  context.setDefaultTimeout(STEP_TIMEOUT_MS)
  const page = context.pages()[0] ?? (await context.newPage())
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  context.on('request', (request) => {
    if (!request.url().startsWith('data:')) requests.push(request.url())
  })
  return {
    page,
    complaints,
    requests,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
