/**
 * One folder with all that a guest needs on another machine: image, app, settings, disk, and what
 * its managers read.
 */
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDisk } from './disk-image.ts'
import { virtualMachineInstance } from './kubevirt.ts'
import { FILES, type GuestDescription, libvirtDomain } from './libvirt.ts'
import { nomadJob } from './nomad.ts'
import { writeOciLayout } from './oci-layout.ts'
import { writeStrippedImage } from './stripped-image.ts'
import {
  GUESTS_FOLDER,
  guestService,
  journalService,
  journalSocket,
  unitSettings,
} from './systemd.ts'

export interface PackageContent {
  readonly name: string
  /** The image as it was built, and the app's container. */
  readonly image: string
  readonly app: string
  readonly commandLine: string
  /** File of the app's settings; a template without. */
  readonly environmentFile: string | undefined
}

/** 64 MiB is what the contract of the image promises to work. */
const MEMORY_MIB = 64
const SETTINGS_TEMPLATE = `# Settings and secrets of the app, NAME=value a line: env.NAME and process.env.NAME there.
# GREETING=hello
`

/** Writes it to `folder`, which is emptied first. Throws BuildError or RunError. */
export async function writePackage(content: PackageContent, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const at = (name: string): string => join(folder, name)
  await writeStrippedImage(content.image, at(FILES.image))
  await copyFile(content.app, at(FILES.app))
  if (content.environmentFile === undefined) await writeFile(at(FILES.settings), SETTINGS_TEMPLATE)
  else {
    await copyFile(content.environmentFile, at(FILES.settings))
    await chmod(at(FILES.settings), 0o600)
  }
  const guest: GuestDescription = {
    name: content.name,
    folder: `${GUESTS_FOLDER}/${content.name}`,
    commandLine: content.commandLine,
    memoryMiB: MEMORY_MIB,
  }
  const registry = `registry.example/${content.name}:latest`
  const texts: Readonly<Record<string, string>> = {
    'libvirt.xml': libvirtDomain(guest),
    'eremite@.service': guestService(),
    'unit.env': unitSettings(guest),
    'eremite-journal.socket': journalSocket(),
    'eremite-journal@.service': journalService(),
    'nomad.hcl': nomadJob(guest),
    'kubevirt.json': `${JSON.stringify(virtualMachineInstance(guest, registry), null, 2)}\n`,
  }
  for (const [name, text] of Object.entries(texts)) await writeFile(at(name), text)
  await makeDisk(
    { image: at(FILES.image), app: at(FILES.app), commandLine: content.commandLine },
    folder,
  )
  await writeOciLayout(at('oci'), 'latest', {
    [`boot/${FILES.image}`]: at(FILES.image),
    [`boot/${FILES.app}`]: at(FILES.app),
  })
}
