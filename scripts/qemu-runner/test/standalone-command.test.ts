/** A guest's command line made fit for a shell: nothing in it needs the runner any more. */
import { describe, expect, it } from 'vitest'
import {
  buildCommandLine,
  standaloneCommand,
  type TapNetwork,
  type VmOptions,
} from '../src/index.ts'

function standalone(options: VmOptions): string {
  const lans = new Map<number, number>()
  for (const [index, { kind }] of (options.network ?? []).entries()) {
    if (kind === 'lan') lans.set(index, 10 + index)
  }
  const descriptors = { qmp: 3, console: 4, events: 5, gdb: 6, lans }
  return standaloneCommand(['qemu', ...buildCommandLine(options, 'tcg', descriptors)])
}

describe('standaloneCommand', () => {
  it('puts console and events on the terminal and names no descriptor', () => {
    const line = standalone({
      kernel: 'k.elf',
      append: { a: 1 },
      gdb: { wait: true },
      paused: true,
    })
    expect(line).not.toMatch(/fd=|-mon|-gdb|qmp|-S\b/)
    expect(line).toContain('-chardev stdio,id=console,mux=on,signal=on -serial chardev:console')
    expect(line).toContain('isa-debugcon,iobase=0xe9,chardev=console')
    expect(line).toMatch(/^qemu -machine q35,accel=tcg .* -kernel k\.elf -append a=1 /)
  })

  it('leads LANs nowhere, and leaves out captures whose folders go with the test', () => {
    const capture = { path: '/tmp/gone/x.pcap' }
    const network = [
      { kind: 'user', capture },
      { kind: 'lan', lan: {} },
    ] as VmOptions['network'] & {}
    const line = standalone({ network })
    expect(line).not.toContain('filter-dump')
    const extraArguments = [
      '-chardev',
      'file,id=port0,path=/tmp/gone/y',
      '-device',
      'x,chardev=port0',
    ]
    expect(standalone({ extraArguments })).toContain(
      '-chardev null,id=port0 -device x,chardev=port0',
    )
    expect(line).toContain('-netdev user,id=net0 ')
    expect(line).toContain('-netdev hubport,id=net1,hubid=1')
  })

  it('makes a TAP in a private namespace', () => {
    const tap = { kind: 'tap', interfaceName: 'tap0', namespace: {} } as unknown as TapNetwork
    const network = [tap]
    expect(standalone({ network })).toMatch(
      /^unshare --map-root-user --net sh -c 'ip tuntap add dev tap0 mode tap vnet_hdr && ip link set tap0 up && exec "\$@"' sh qemu /,
    )
    expect(standalone({ network: [{ ...tap, queues: 4 }] })).toContain(
      'ip tuntap add dev tap0 mode tap vnet_hdr multi_queue && ip link set tap0 up',
    )
  })
})
