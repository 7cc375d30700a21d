/** Whatever kills the parent, no QEMU, no namespace and no helper stays. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const PARENT = new URL('./fixtures/parent.ts', import.meta.url).pathname

/** Inodes of the network namespaces in use, and the live processes in one of them. */
function processesIn(namespace: string): number[] {
  const found: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (readlinkSync(`/proc/${name}/ns/net`) === namespace) found.push(Number(name))
    } catch {
      // Gone in between, or a zombie: neither holds a namespace.
    }
  }
  return found
}

it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'leaves nothing behind when the parent dies of %s',
  async (signal) => {
    const parent = spawn(process.execPath, ['--import', TSX, PARENT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const { qemu, namespaces } = JSON.parse(line.toString()) as {
      qemu: number
      namespaces: string[]
    }
    expect(readFileSync(`/proc/${qemu}/comm`, 'utf8')).toContain('qemu')
    for (const namespace of namespaces) expect(processesIn(namespace)).not.toEqual([])
    parent.kill(signal)
    await once(parent, 'exit')
    const deadline = performance.now() + 5000
    let left: number[] = []
    do {
      await delay(20)
      left = namespaces.flatMap(processesIn)
    } while (left.length > 0 && performance.now() < deadline)
    expect(left).toEqual([])
  },
)
