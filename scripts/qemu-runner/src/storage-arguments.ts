/** Firmware, disks and shared folders as QEMU's arguments. */
import { escapeValue } from './quote.ts'
import type { Disk, FlashFirmware, SharedFolder } from './storage-options.ts'

/** The name of a disk's block node: what snapshots are told apart by. */
export function diskNode(index: number): string {
  return `disk${index}`
}

export function firmwareArguments(firmware: FlashFirmware | undefined): string[] {
  if (firmware === undefined) return []
  const flash = (path: string, more: string): string[] => [
    '-drive',
    `if=pflash,format=raw,file=${escapeValue(path)}${more}`,
  ]
  const { code, variables } = firmware
  return [...flash(code, ',readonly=on'), ...(variables === undefined ? [] : flash(variables, ''))]
}

export function diskArguments(disks: readonly Disk[]): string[] {
  return disks.flatMap((disk, index) => {
    const node = diskNode(index)
    const id = `drive${index}`
    const drive = [
      ...['if=none', `id=${id}`, `file=${escapeValue(disk.path)}`, `format=${disk.format}`],
      // With a temporary file on top the node of that name would not be the file's.
      ...(disk.discardWrites === true ? ['snapshot=on'] : [`node-name=${node}`]),
      ...(disk.readOnly === true ? ['readonly=on'] : []),
    ]
    return ['-drive', drive.join(','), ...diskDevice(disk, index, id)]
  })
}

function diskDevice(disk: Disk, index: number, id: string): string[] {
  // 0 is what QEMU gives a kernel.
  const order = `bootindex=${index + 1}`
  switch (disk.interface ?? 'virtio') {
    case 'virtio':
      return ['-device', `virtio-blk-pci,drive=${id},${order}`]
    case 'sata':
      return ['-device', `ide-hd,drive=${id},bus=ide.${index},${order}`]
    case 'nvme':
      return ['-device', `nvme,drive=${id},serial=${id},${order}`]
    case 'none':
      return []
  }
}

export function sharedFolderArguments(folders: readonly SharedFolder[]): string[] {
  return folders.flatMap(({ path, tag, readOnly }, index) => [
    '-fsdev',
    // Files keep the owner that this process has: no extended attributes, no need to be root.
    `local,id=share${index},path=${escapeValue(path)},security_model=none${readOnly === true ? ',readonly=on' : ''}`,
    '-device',
    `virtio-9p-pci,fsdev=share${index},mount_tag=${escapeValue(tag)}`,
  ])
}
