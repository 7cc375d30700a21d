/**
 * libvirt's description of the guest: direct kernel boot, virtio-net, the serial port to the
 * journal.
 */

import { stableUuid } from './stable-uuid.ts'

/** What a manager of guests is to be told, whichever it is. */
export interface GuestDescription {
  readonly name: string
  /** Absolute folder that the files will lie in on the machine that runs it. */
  readonly folder: string
  readonly commandLine: string
  readonly memoryMiB: number
}

/** Files of a package that others refer to by name. */
export const FILES = {
  image: 'eremite.elf',
  app: 'app',
  settings: 'settings.env',
  disk: 'disk.qcow2',
} as const

/** Where `eremite-journal.socket` takes what guests write to their serial ports. */
export const JOURNAL_SOCKET = '/run/eremite-journal.socket'

export function libvirtDomain(guest: GuestDescription): string {
  const path = (file: string): string => xml(`${guest.folder}/${file}`)
  return `<!-- virsh define libvirt.xml, then virsh start ${xml(guest.name)}. Without KVM: type='qemu', and mode='maximum'. -->
<domain type='kvm'>
  <name>${xml(guest.name)}</name>
  <!-- Of the name: a new version of the same guest takes the old one's place when it is defined. -->
  <uuid>${stableUuid(guest.name)}</uuid>
  <memory unit='MiB'>${guest.memoryMiB}</memory>
  <vcpu>1</vcpu>
  <sysinfo type='fwcfg'>
    <entry name='opt/eremite/env' file='${path(FILES.settings)}'/>
  </sysinfo>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>${path(FILES.image)}</kernel>
    <initrd>${path(FILES.app)}</initrd>
    <cmdline>${xml(guest.commandLine)}</cmdline>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu mode='host-passthrough'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <!-- The panic device below tells of a guest that ended with an error. -->
  <on_crash>restart</on_crash>
  <devices>
    <interface type='network'>
      <source network='default'/>
      <model type='virtio'/>
    </interface>
    <!-- eremite-journal.socket hands it to the journal; a guest starts without it, too. -->
    <serial type='unix'>
      <source mode='connect' path='${JOURNAL_SOCKET}'>
        <reconnect enabled='yes' timeout='1'/>
      </source>
    </serial>
    <panic model='isa'/>
    <memballoon model='none'/>
  </devices>
</domain>
`
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&apos;')
}
