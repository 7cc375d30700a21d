/** Launch options become exactly the QEMU arguments they promise. */
import { describe, expect, it } from 'vitest'
import {
  buildCommandLine,
  kernelCommandLine,
  type TapNetwork,
  type VmOptions,
} from '../src/index.ts'

function build(options: VmOptions): string {
  const descriptors = { qmp: 3, console: 4, events: 5, lans: new Map<number, number>() }
  return buildCommandLine(options, 'tcg', descriptors).join(' ')
}

describe('buildCommandLine', () => {
  it('gives q35 with 64 MiB, no default devices and no reboot unless told otherwise', () => {
    const words = build({ kernel: 'k.elf' })
    expect(words).toContain('-machine q35,accel=tcg -cpu max -m 64 -nodefaults')
    expect(words).toContain('-no-reboot')
    expect(words).toContain('-kernel k.elf')
    expect(words).not.toContain('-append')
  })

  it('gives microvm its PCIe bus', () => {
    expect(build({ machine: 'microvm' })).toContain('-machine microvm,pcie=on,accel=tcg')
  })

  it('spells device properties as QEMU does, and leaves the rest at their defaults', () => {
    const device = { guestCsum: false, hostTso4: true, rxQueueSize: 1024, disableLegacy: true }
    const words = build({ network: [{ kind: 'user', device }] })
    expect(words).toContain('guest_csum=off,host_tso4=on,rx_queue_size=1024,disable-legacy=on')
    expect(words).not.toContain('mrg_rxbuf')
  })

  it('gives a TAP its queues, and the device what spreads flows over them', () => {
    const tap = { kind: 'tap', interfaceName: 'tap0', namespace: {} } as unknown as TapNetwork
    const words = build({ network: [{ ...tap, queues: 4, device: { mq: true, rss: true } }] })
    expect(words).toContain('ifname=tap0,script=no,downscript=no,queues=4 ')
    expect(words).toContain(',mq=on,rss=on')
    expect(build({ network: [tap] })).not.toContain('queues')
  })

  it('lets the host pick forwarded ports', () => {
    const words = build({
      network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
    })
    expect(words).toContain('user,id=net0,hostfwd=tcp:127.0.0.1:0-10.0.2.15:80')
  })

  it('doubles the commas of paths, which QEMU would take as the next property', () => {
    const capture = { path: '/tmp/a,b.pcap' }
    const words = build({ network: [{ kind: 'none', capture }], gdb: { socketPath: '/tmp/c,d' } })
    expect(words).toContain('file=/tmp/a,,b.pcap,maxlen=')
    expect(words).toContain('path=/tmp/c,,d,server=on')
  })

  it('numbers devices and their addresses', () => {
    const words = build({ network: [{ kind: 'none' }, { kind: 'none' }] })
    expect(words).toContain('id=nic0,netdev=net0,mac=52:54:00:12:34:56')
    expect(words).toContain('id=nic1,netdev=net1,mac=52:54:00:12:34:57')
  })
})

describe('a kernel command line', () => {
  it('is taken as it is, or made of keys', () => {
    expect(build({ kernel: 'k', append: 'a=1  b' })).toContain('-append a=1  b')
    expect(build({ kernel: 'k', append: { a: 1, b: true } })).toContain('-append a=1 b')
  })
})

describe('disks, firmware and folders', () => {
  it('are told to QEMU in their order, with doubled commas', () => {
    const words = build({
      disks: [
        { path: '/tmp/a,b.raw', format: 'raw', discardWrites: true },
        { path: '/tmp/c', format: 'qcow2', interface: 'sata', readOnly: true },
        { path: '/tmp/d', format: 'qcow2', interface: 'none' },
      ],
      firmware: { code: '/tmp/code.fd', variables: '/tmp/vars.fd' },
      sharedFolders: [{ path: '/srv', tag: 'source', readOnly: true }],
      startFrom: 'booted',
      processors: 2,
    })
    expect(words).toContain('if=none,id=drive0,file=/tmp/a,,b.raw,format=raw,snapshot=on')
    expect(words).toContain('virtio-blk-pci,drive=drive0,bootindex=1')
    expect(words).toContain('file=/tmp/c,format=qcow2,node-name=disk1,readonly=on')
    expect(words).toContain('ide-hd,drive=drive1,bus=ide.1,bootindex=2')
    expect(words).toContain('file=/tmp/d,format=qcow2,node-name=disk2')
    expect(words).not.toContain('drive=drive2')
    expect(words).toContain('if=pflash,format=raw,file=/tmp/code.fd,readonly=on')
    expect(words).toContain('if=pflash,format=raw,file=/tmp/vars.fd')
    expect(words).toContain('local,id=share0,path=/srv,security_model=none,readonly=on')
    expect(words).toContain('virtio-9p-pci,fsdev=share0,mount_tag=source')
    expect(words).toContain('-loadvm booted')
    expect(words).toContain('-smp 2')
    expect(words).not.toContain('-incoming')
    expect(build({ incoming: true })).toContain('-incoming defer')
  })
})

describe('another architecture', () => {
  it('has the machine virt, and its events over a virtio-serial port', () => {
    const words = build({ architecture: 'aarch64' })
    expect(words).toContain('-machine virt,accel=tcg -cpu max')
    expect(words).toContain('virtserialport,bus=runner-serial.0,chardev=events')
    expect(words).not.toContain('isa-debug')
    expect(build({ architecture: 'riscv64' })).toContain('-machine virt,accel=tcg -cpu rv64')
  })
})

describe('serial ports', () => {
  it('are files behind one virtio-serial device, written before the guest goes on', () => {
    const words = build({
      serialPorts: [
        { name: 'capture', path: '/tmp/a,b.pcapng' },
        { name: 'log', path: '/tmp/log' },
      ],
    })
    expect(words).toContain('-device virtio-serial-pci,id=serial0,ioeventfd=off')
    expect(words).toContain('-chardev file,id=port0,path=/tmp/a,,b.pcapng')
    expect(words).toContain('-device virtserialport,bus=serial0.0,chardev=port0,name=capture')
    expect(words).toContain('-device virtserialport,bus=serial0.0,chardev=port1,name=log')
  })

  it('cost no device when there are none', () => {
    expect(build({ serialPorts: [] })).not.toContain('virtio-serial')
  })
})

describe('kernelCommandLine', () => {
  it('writes true as the bare key and leaves false out', () => {
    expect(kernelCommandLine({ ip: '10.0.0.2/24', quiet: true, trace: false })).toBe(
      'ip=10.0.0.2/24 quiet',
    )
  })

  it('refuses white space, which would become another word', () => {
    expect(() => kernelCommandLine({ ip: '10.0.0.2/24 log=debug' })).toThrow(
      'Cannot build a kernel command line',
    )
  })
})
