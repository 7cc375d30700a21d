/** Firmware, disks and shared folders that cannot work, found before QEMU starts. */
import { statSync } from 'node:fs'
import type { VmOptions } from './options.ts'
import { checkFile, oneOf, refuse } from './refusal.ts'
import { DISK_FORMATS, DISK_INTERFACES, type Disk, type SharedFolder } from './storage-options.ts'

/** Virtio's 9P device has 32 octets for the tag, QEMU's own end among them. */
const LONGEST_TAG = 31

export function checkStorage(options: VmOptions): void {
  if (options.bios !== undefined && options.firmware !== undefined) {
    refuse('bios and firmware are both given; keep one')
  }
  checkFile('firmware.code', options.firmware?.code)
  checkFile('firmware.variables', options.firmware?.variables)
  for (const [index, disk] of (options.disks ?? []).entries()) {
    checkDisk(`disks[${index}]`, disk, options)
  }
  if (options.startFrom !== undefined && !options.disks?.some(({ format }) => format === 'qcow2')) {
    refuse('startFrom needs a disk that holds the snapshot; give its qcow2')
  }
  for (const [index, folder] of (options.sharedFolders ?? []).entries()) {
    checkFolder(`sharedFolders[${index}]`, folder)
  }
}

function checkDisk(it: string, disk: Disk, options: VmOptions): void {
  checkFile(`${it}.path`, disk.path)
  if (disk.format === undefined) refuse(`${it}.format is undefined; give raw or qcow2`)
  oneOf(`${it}.format`, disk.format, DISK_FORMATS)
  oneOf(`${it}.interface`, disk.interface, DISK_INTERFACES)
  if (disk.interface !== 'sata') return
  const machine = options.machine ?? options.architecture ?? 'q35'
  if (machine !== 'q35' && machine !== 'x86_64') {
    refuse(`${it}.interface is sata, which ${machine} has no controller for; give virtio or nvme`)
  }
}

function checkFolder(it: string, { path, tag }: SharedFolder): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) refuse(`${it}.path ${path} does not exist; create it`)
  else if (!found.isDirectory()) refuse(`${it}.path ${path} is no folder; name the folder itself`)
  const octets = Buffer.byteLength(tag)
  if (octets < 1 || octets > LONGEST_TAG) {
    refuse(`${it}.tag has ${octets} octets; give 1 to ${LONGEST_TAG}`)
  }
}
