/**
 * A guest's command line without what the runner was connected to: it boots the same guest from any
 * shell.
 */
import { quoteCommand } from './quote.ts'

/** Options whose next word is theirs and which make no sense without the runner. */
const RUNNERS_OWN = ['-mon', '-gdb']

/**
 * One line. Console and events are on the terminal, LANs lead nowhere, a TAP is made in a private
 * network namespace; captures, files and the gdb stub are left out, a guest that was to wait runs
 * at once.
 */
export function standaloneCommand(command: readonly string[]): string {
  const words: string[] = []
  const taps: string[] = []
  for (let at = 0; at < command.length; at++) {
    const word = command[at]!
    const value = command[at + 1] ?? ''
    if (word === '-S') continue
    if (RUNNERS_OWN.includes(word)) at++
    else if (word === '-object' && value.startsWith('filter-dump,')) at++
    else if (word === '-chardev' || word === '-netdev') {
      at++
      const tap = value.match(/^tap,.*\bifname=([^,]+)/)?.[1]
      if (tap !== undefined) taps.push(value.includes(',queues=') ? `${tap} multi_queue` : tap)
      const standing = word === '-chardev' ? standingChardev(value) : standingBackEnd(value)
      if (standing !== undefined) words.push(word, standing)
    } else
      words.push(
        word.replace(/^isa-debugcon,(.*)chardev=events$/, 'isa-debugcon,$1chardev=console'),
      )
  }
  const line = quoteCommand(words)
  if (taps.length === 0) return line
  const make = taps.map((tap) => {
    const [name, flags = ''] = tap.split(/(?= )/)
    return `ip tuntap add dev ${name} mode tap vnet_hdr${flags} && ip link set ${name} up && `
  })
  return `unshare --map-root-user --net sh -c ${quoteCommand([`${make.join('')}exec "$@"`])} sh ${line}`
}

/** Undefined: nobody uses it any more. */
function standingChardev(value: string): string | undefined {
  const id = value.match(/\bid=([^,]+)/)?.[1] ?? ''
  // Files of a test are gone with its folder.
  if (value.startsWith('file,')) return `null,id=${id}`
  if (!value.startsWith('socket,')) return value
  if (id === 'qmp' || id === 'gdb' || id === 'events') return undefined
  if (id === 'console') return 'stdio,id=console,mux=on,signal=on'
  return `null,id=${id}`
}

/** A hub with one port stands for the LAN that has gone. */
function standingBackEnd(value: string): string {
  const [, id, index] = value.match(/^socket,id=(\D*(\d+)),fd=/) ?? []
  return id === undefined ? value : `hubport,id=${id},hubid=${index}`
}
