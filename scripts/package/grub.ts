/**
 * GRUB as files: its core for BIOS and UEFI, and the first sectors of a disk that a BIOS starts
 * from.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../build/run-tool.ts'
import { RunError } from '../guest/run-error.ts'

export const SECTOR_BYTES = 512
const GRUB_FOLDER = '/usr/lib/grub'
/** The core takes its configuration from the partition it lies on, whichever disk that is. */
const CONFIGURATION_FOLDER = '/eremite'
const COMMON_MODULES = [
  'part_gpt',
  'fat',
  'normal',
  'configfile',
  'test',
  'multiboot2',
  'echo',
  'serial',
  'terminal',
]
const PLATFORMS = {
  bios: { name: 'i386-pc', modules: ['biosdisk', ...COMMON_MODULES], package: 'grub-pc-bin' },
  uefi: { name: 'x86_64-efi', modules: COMMON_MODULES, package: 'grub-efi-amd64-bin' },
} as const

/**
 * Where boot.img keeps the sector of the core, and two bytes of code that distrust the BIOS's
 * number of the drive.
 */
const BOOT_CORE_SECTOR = 0x5c
const BOOT_DRIVE_CHECK = 0x66
/** The code of boot.img ends where the disk's signature and partition table begin. */
export const BOOT_CODE_BYTES = 440
/**
 * The last of the list of blocks in the core's first sector: first sector, number of sectors,
 * segment.
 */
const CORE_BLOCK_LIST = SECTOR_BYTES - 12
const NOP = 0x90

/**
 * Makes GRUB's core for a platform; `partition` is where its configuration lies, such as `gpt2`.
 */
export async function makeCore(
  platform: keyof typeof PLATFORMS,
  partition: string,
  output: string,
): Promise<void> {
  const { name, modules, package: debianPackage } = PLATFORMS[platform]
  if (!existsSync(join(GRUB_FOLDER, name, 'moddep.lst'))) {
    throw new RunError(
      `Cannot make a disk: GRUB for ${name} is missing`,
      `apt-get install ${debianPackage}`,
    )
  }
  const prefix = `(,${partition})${CONFIGURATION_FOLDER}`
  const words = ['-O', name, '-p', prefix, '-o', output, ...modules]
  await runTool(`make GRUB's core for ${name}`, 'grub-mkimage', words)
}

/**
 * What `grub-bios-setup` writes, which works on block devices only: the code of the boot sector and
 * the core behind it, each with the sector where the next part lies. `coreSector` is where the core
 * is put.
 */
export function biosSectors(core: Buffer, coreSector: number): { boot: Buffer; core: Buffer } {
  const boot = Buffer.from(readFileSync(join(GRUB_FOLDER, PLATFORMS.bios.name, 'boot.img')))
  boot.writeBigUInt64LE(BigInt(coreSector), BOOT_CORE_SECTOR)
  boot.fill(NOP, BOOT_DRIVE_CHECK, BOOT_DRIVE_CHECK + 2)
  const patched = Buffer.alloc(Math.ceil(core.length / SECTOR_BYTES) * SECTOR_BYTES)
  core.copy(patched)
  patched.writeBigUInt64LE(BigInt(coreSector + 1), CORE_BLOCK_LIST)
  patched.writeUInt16LE(patched.length / SECTOR_BYTES - 1, CORE_BLOCK_LIST + 8)
  return { boot: boot.subarray(0, BOOT_CODE_BYTES), core: patched }
}

/**
 * The configuration: what is booted, and with which words. Settings have a file of their own, which
 * people edit.
 */
export function grubConfiguration(names: {
  readonly image: string
  readonly app: string | undefined
  readonly settings: string
}): string {
  const load = [
    `if multiboot2 $prefix/${names.image} $options; then`,
    ...(names.app === undefined ? [] : [`  if module2 $prefix/${names.app}; then boot; fi`]),
    ...(names.app === undefined ? ['  boot'] : []),
    'fi',
  ]
  return [
    `# GRUB's part of the start; what the guest is told stands in ${names.settings}.`,
    'set timeout=0',
    'if [ "$grub_platform" = pc ]; then',
    '  if serial --unit=0 --speed=115200; then terminal_output console serial; fi',
    'fi',
    'set options=',
    `source $prefix/${names.settings}`,
    ...load,
    `echo "Cannot start the guest (GRUB's words are above): write the disk anew"`,
    '',
  ].join('\n')
}
