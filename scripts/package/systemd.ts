/**
 * Units for systemd: a guest as a service by its folder's name, and the way of libvirt's serial
 * ports to the journal.
 */
import { HOST_CLOCK_ARGUMENTS } from '../guest/host-clock.ts'
import { FILES, type GuestDescription, JOURNAL_SOCKET } from './libvirt.ts'

/** The folder that holds the folders of guests. */
export const GUESTS_FOLDER = '/var/lib/eremite'

/** What an administrator changes of one guest: read by its service. */
export function unitSettings(guest: GuestDescription): string {
  return `# Read by eremite@${guest.name}.service; what the app reads stands in ${FILES.settings}.
MEMORY_MIB=${guest.memoryMiB}
# KVM where it opens; tcg, ten times slower, where it opens and does not work.
ACCEL=kvm:tcg
# The guest's command line.
APPEND=${quote(guest.commandLine)}
# QEMU's words for the network: a TAP that exists is NETWORK=tap,ifname=tap0,script=no,downscript=no
NETWORK=user,hostfwd=tcp:127.0.0.1:8080-:80
`
}

export function guestService(): string {
  const folder = `${GUESTS_FOLDER}/%i`
  return `# cp -r the package to ${GUESTS_FOLDER}/NAME and this file to /etc/systemd/system, then systemctl enable --now eremite@NAME
[Unit]
Description=Eremite guest %i
Wants=network-online.target
After=network-online.target
ConditionPathExists=${folder}/${FILES.image}

[Service]
Type=exec
EnvironmentFile=${folder}/unit.env
LoadCredential=settings:${folder}/${FILES.settings}
RuntimeDirectory=eremite-%i
ExecStartPre=mkfifo \${RUNTIME_DIRECTORY}/monitor.in \${RUNTIME_DIRECTORY}/monitor.out
ExecStart=qemu-system-x86_64 -name %i -machine q35,sata=off,accel=\${ACCEL} -cpu max -m \${MEMORY_MIB} \\
  -nodefaults -no-user-config -display none -no-reboot -sandbox on \\
  -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=0x04 \\
  -chardev pipe,id=monitor,path=\${RUNTIME_DIRECTORY}/monitor -mon chardev=monitor \\
  -fw_cfg name=opt/eremite/env,file=\${CREDENTIALS_DIRECTORY}/settings \\
  ${HOST_CLOCK_ARGUMENTS.join(' ')} \\
  -netdev \${NETWORK},id=net0 -device virtio-net-pci,netdev=net0,romfile= \\
  -kernel ${folder}/${FILES.image} -initrd ${folder}/${FILES.app} -append \${APPEND}
# The power button: the guest ends what it has begun, and itself.
ExecStop=sh -c 'echo system_powerdown >\${RUNTIME_DIRECTORY}/monitor.in; exec tail --pid=$MAINPID -f /dev/null'
TimeoutStopSec=20
# 33 is the guest's clean end; with 39 and 41 the machine or the command line is at fault, and another start would end likewise.
SuccessExitStatus=33
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=39 41

DynamicUser=yes
SupplementaryGroups=kvm
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
`
}

export function journalSocket(): string {
  return `# What guests of libvirt write to their serial ports; each connection is a guest.
[Unit]
Description=Serial ports of Eremite guests

[Socket]
ListenStream=${JOURNAL_SOCKET}
SocketMode=0666
Accept=yes

[Install]
WantedBy=sockets.target
`
}

export function journalService(): string {
  return `[Unit]
Description=Serial port of an Eremite guest

[Service]
ExecStart=cat
StandardInput=socket
StandardOutput=journal
SyslogIdentifier=eremite
`
}

/** As an EnvironmentFile has it: quoted, so that spaces stay. */
function quote(text: string): string {
  return `"${text.replace(/[\\"$`]/g, '\\$&')}"`
}
