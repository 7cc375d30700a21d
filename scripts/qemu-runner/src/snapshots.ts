/**
 * Snapshots of a whole guest, memory and disks: QEMU's jobs that save, load and delete them, waited
 * for to their end.
 */
import type { QmpClient } from './qmp/client.ts'
import { diskNode } from './storage-arguments.ts'
import type { Disk } from './storage-options.ts'

export type SnapshotCommand = 'snapshot-save' | 'snapshot-load' | 'snapshot-delete'

/** Saving writes the guest's memory to a disk. */
const DEFAULT_TIMEOUT_MS = 60_000

/**
 * Throws Error with QEMU's words when the job fails, or at once when the disks cannot have
 * snapshots.
 */
export async function runSnapshotJob(
  qmp: QmpClient,
  disks: readonly Disk[],
  command: SnapshotCommand,
  tag: string,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const nodes = snapshotNodes(disks, command)
  const id = `${command}-${tag}`
  const concluded = qmp.once('JOB_STATUS_CHANGE', {
    timeoutMs,
    where: (data) => data.id === id && data.status === 'concluded',
  })
  // The command below may be refused; then nobody waits for the event.
  concluded.catch(() => undefined)
  if (command === 'snapshot-delete') {
    await qmp.execute(command, { 'job-id': id, tag, devices: nodes })
  } else {
    await qmp.execute(command, { 'job-id': id, tag, vmstate: nodes[0]!, devices: nodes })
  }
  await concluded
  const job = (await qmp.execute('query-jobs')).find((candidate) => candidate.id === id)
  await qmp.execute('job-dismiss', { id })
  if (job?.error !== undefined) {
    throw new Error(`Cannot ${command.replace('-', ' ')} "${tag}": ${job.error}`)
  }
}

/** All that the guest can write must be part of it, or memory and disks would not fit together. */
function snapshotNodes(disks: readonly Disk[], command: SnapshotCommand): string[] {
  const refuse = (why: string): never => {
    throw new Error(`Cannot ${command.replace('-', ' ')}: ${why}`)
  }
  const nodes = disks.flatMap((disk, index) => {
    if (disk.readOnly === true) return []
    if (disk.discardWrites === true) {
      return refuse(`disk ${index} discards its writes; leave discardWrites out`)
    }
    if (disk.format !== 'qcow2') {
      return refuse(`disk ${index} is raw, which holds no snapshots; make it a qcow2 or readOnly`)
    }
    return [diskNode(index)]
  })
  if (nodes.length === 0) {
    refuse("no disk holds snapshots; give a qcow2, with interface: 'none' if the guest needs none")
  }
  return nodes
}
