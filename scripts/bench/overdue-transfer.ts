/** What both ends say of a transfer that does not end, kept for who looks for the cause. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { NetworkNamespace } from 'qemu-runner'

/**
 * Each may fail by itself: a guest that hangs answers nothing, not even a SYN. `nstat -s` leaves
 * the counters as they are.
 */
const QUESTIONS = `
date -u
echo '--- sockets'
ss -tinmo
echo '--- memory of sockets'
cat /proc/net/sockstat /proc/sys/net/ipv4/tcp_mem
echo '--- counters'
nstat -asz | grep -v ' 0  *0.0$'
echo '--- guest'
timeout 5 bash -c '
exec 3<>/dev/tcp/"$0"/80 && printf "GET /stats HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3
' "$0" || echo 'no answer'
`

/** Asks both ends; what one does not answer is missing. */
async function describeTransfer(near: NetworkNamespace, host: string): Promise<string> {
  try {
    const { stdout, stderr } = await near.run(['bash', '-c', QUESTIONS, host])
    return stdout + stderr
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Describes the transfer into a file of `folder` once it has taken `afterMs`. */
export class OverdueTransfer {
  private readonly timer: NodeJS.Timeout
  private description: Promise<string> | undefined

  constructor(near: NetworkNamespace, host: string, afterMs: number) {
    this.timer = setTimeout(() => {
      this.description = describeTransfer(near, host)
    }, afterMs)
  }

  /** The transfer is over; with it, what was to be described. */
  end(): void {
    clearTimeout(this.timer)
  }

  /** The file, as seen from here; undefined when it ended before it was overdue. */
  async keep(folder: string): Promise<string | undefined> {
    this.end()
    if (this.description === undefined) return undefined
    const text = await this.description
    mkdirSync(folder, { recursive: true })
    const path = join(folder, `overdue-${new Date().toISOString().replace(/[:.]/g, '-')}.txt`)
    writeFileSync(path, text)
    return relative(process.cwd(), path)
  }
}
