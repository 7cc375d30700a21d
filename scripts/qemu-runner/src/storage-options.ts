/** What a caller may ask of a guest's firmware, disks and shared folders. */

export const DISK_FORMATS = ['raw', 'qcow2'] as const
export const DISK_INTERFACES = ['virtio', 'sata', 'nvme', 'none'] as const

export interface Disk {
  path: string
  format: (typeof DISK_FORMATS)[number]
  /**
   * Defaults to `virtio`. `none`: the guest does not see it; it keeps what `vm.saveSnapshot` saves.
   */
  interface?: (typeof DISK_INTERFACES)[number]
  readOnly?: boolean
  /** What the guest writes goes to a temporary file and is gone at the end. */
  discardWrites?: boolean
}

/**
 * UEFI firmware in flash, such as OVMF; `variables` is written, so give each guest a copy of its
 * own.
 */
export interface FlashFirmware {
  code: string
  variables?: string
}

/**
 * A folder of the host as a virtio 9P device: `mount -t 9p -o trans=virtio TAG /mnt` in a Linux
 * guest.
 */
export interface SharedFolder {
  path: string
  tag: string
  readOnly?: boolean
}
