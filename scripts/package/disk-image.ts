/**
 * A disk that BIOS and UEFI start the image from, raw and qcow2: GPT, GRUB, and one FAT partition
 * with all that people may edit.
 */
import { createHash } from 'node:crypto'
import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../build/run-tool.ts'
import { biosSectors, grubConfiguration, makeCore, SECTOR_BYTES } from './grub.ts'
import { stableUuid } from './stable-uuid.ts'

const MIB = 1 << 20
/** The partitions: GRUB's core for BIOS, which has no file system, and the EFI system partition. */
const CORE_MIB = 1
const SYSTEM_START_MIB = 2
/** A multiple of 8 MiB with room for a larger app: FAT16, which every firmware reads. */
const SYSTEM_SMALLEST_MIB = 32
const SYSTEM_SPARE_MIB = 16
const TYPE_BIOS_BOOT = '21686148-6449-6E6F-744E-656564454649'
const TYPE_EFI_SYSTEM = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
const SYSTEM_PARTITION = 'gpt2'

export interface DiskContent {
  /** Paths of the image, without what only gdb needs, and of the app. */
  readonly image: string
  readonly app: string | undefined
  /** The guest's command line. */
  readonly commandLine: string
}

export interface DiskFiles {
  readonly raw: string
  readonly qcow2: string
}

/**
 * Writes `<folder>/disk.raw` and `disk.qcow2`; the same content makes the same bytes. Throws
 * BuildError or RunError.
 */
export async function makeDisk(content: DiskContent, folder: string): Promise<DiskFiles> {
  const raw = join(folder, 'disk.raw')
  const qcow2 = join(folder, 'disk.qcow2')
  const scratch = { bios: join(folder, 'core.img'), uefi: join(folder, 'bootx64.efi') }
  try {
    await makeCore('bios', SYSTEM_PARTITION, scratch.bios)
    await makeCore('uefi', SYSTEM_PARTITION, scratch.uefi)
    const identity = await identityOf(content)
    const systemMib = await systemSize(content)
    await rm(raw, { force: true })
    await writeFile(raw, '')
    // The backup of the partition table takes the last 33 sectors.
    await truncate(raw, (SYSTEM_START_MIB + systemMib + 1) * MIB)
    await writePartitions(raw, systemMib, identity)
    await writeBiosSectors(raw, await readFile(scratch.bios))
    await writeSystemPartition(raw, systemMib, identity, content, scratch.uefi)
    await runTool('make a qcow2 of the disk', 'qemu-img', [
      ...['convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2],
    ])
    return { raw, qcow2 }
  } finally {
    for (const path of Object.values(scratch)) await rm(path, { force: true })
  }
}

/** Thirty-two hexadecimal digits that name this content: in place of random identifiers. */
async function identityOf(content: DiskContent): Promise<string> {
  const hash = createHash('sha256').update(content.commandLine).update('\0')
  hash.update(await readFile(content.image))
  if (content.app !== undefined) hash.update(await readFile(content.app))
  return hash.digest('hex').slice(0, 32)
}

async function systemSize({ image, app }: DiskContent): Promise<number> {
  const files = [image, ...(app === undefined ? [] : [app])]
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size))
  const needed = sizes.reduce((sum, size) => sum + size, 0) / MIB + SYSTEM_SPARE_MIB
  return Math.max(SYSTEM_SMALLEST_MIB, Math.ceil(needed / 8) * 8)
}

async function writePartitions(raw: string, systemMib: number, identity: string): Promise<void> {
  const script = [
    'label: gpt',
    `label-id: ${stableUuid(`${identity} disk`)}`,
    `start=${CORE_MIB}MiB, size=${SYSTEM_START_MIB - CORE_MIB}MiB, type=${TYPE_BIOS_BOOT}, uuid=${stableUuid(`${identity} 1`)}`,
    `start=${SYSTEM_START_MIB}MiB, size=${systemMib}MiB, type=${TYPE_EFI_SYSTEM}, uuid=${stableUuid(`${identity} 2`)}`,
  ]
  const path = `${raw}.partitions`
  try {
    await writeFile(path, `${script.join('\n')}\n`)
    const words = ['-c', 'PATH=$PATH:/usr/sbin:/sbin exec sfdisk --quiet "$0" <"$1"', raw, path]
    await runTool('write the partition table', 'sh', words)
  } finally {
    await rm(path, { force: true })
  }
}

async function writeBiosSectors(raw: string, core: Buffer): Promise<void> {
  const sectors = biosSectors(core, (CORE_MIB * MIB) / SECTOR_BYTES)
  const disk = await open(raw, 'r+')
  try {
    await disk.write(sectors.boot, 0, sectors.boot.length, 0)
    await disk.write(sectors.core, 0, sectors.core.length, CORE_MIB * MIB)
  } finally {
    await disk.close()
  }
}

async function writeSystemPartition(
  raw: string,
  systemMib: number,
  identity: string,
  content: DiskContent,
  loader: string,
): Promise<void> {
  const at = ['-i', `${raw}@@${SYSTEM_START_MIB * MIB}`]
  const sectors = String((systemMib * MIB) / SECTOR_BYTES)
  const geometry = ['-T', sectors, '-h', '64', '-s', '32', '-H', String(SYSTEM_START_MIB * 2048)]
  const names = ['-v', 'EREMITE', '-N', identity.slice(0, 8)]
  await runMtools('make the file system', 'mformat', [...at, ...geometry, ...names, '::'])
  await runMtools('make the folders', 'mmd', [...at, '::/EFI', '::/EFI/BOOT', '::/eremite'])
  const app = content.app === undefined ? undefined : 'app'
  const files: [string, string][] = [
    [loader, '::/EFI/BOOT/BOOTX64.EFI'],
    [content.image, '::/eremite/eremite.elf'],
    ...(content.app === undefined ? [] : ([[content.app, '::/eremite/app']] as [string, string][])),
  ]
  const texts = {
    'grub.cfg': grubConfiguration({ image: 'eremite.elf', app, settings: 'settings.cfg' }),
    'settings.cfg': settingsFile(content.commandLine),
  }
  for (const [name, text] of Object.entries(texts)) {
    const path = `${raw}.${name}`
    await writeFile(path, text)
    files.push([path, `::/eremite/${name}`])
  }
  try {
    for (const [from, to] of files) await runMtools(`copy ${to}`, 'mcopy', [...at, from, to])
  } finally {
    for (const name of Object.keys(texts)) await rm(`${raw}.${name}`, { force: true })
  }
}

/** All that is written is as old as the file system can say: FAT begins in 1980. */
function runMtools(action: string, command: string, words: readonly string[]): Promise<string> {
  return runTool(action, 'env', ['TZ=UTC0', 'SOURCE_DATE_EPOCH=315532800', command, ...words])
}

/** One assignment of GRUB's language; single quotes end at a single quote and nowhere else. */
function settingsFile(commandLine: string): string {
  return [
    '# The words of the guest’s command line.',
    `set options='${commandLine.replaceAll("'", `'"'"'`)}'`,
    '',
  ].join('\n')
}
