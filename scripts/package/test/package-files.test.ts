/**
 * What a package's files make of odd names and words, and options that `make disk` and `make
 * package` refuse in one line.
 */
import { describe, expect, it } from 'vitest'
import { RunError } from '../../guest/run-error.ts'
import { grubConfiguration } from '../grub.ts'
import { virtualMachineInstance } from '../kubevirt.ts'
import { libvirtDomain } from '../libvirt.ts'
import { nomadJob } from '../nomad.ts'
import { parsePackageOptions } from '../package-options.ts'
import { stableUuid } from '../stable-uuid.ts'
import { unitSettings } from '../systemd.ts'

const guest = {
  name: 'A&B_app',
  folder: '/var/lib/eremite/A&B_app',
  commandLine: `env.A=<x>'"\${y}%{z}`,
  memoryMiB: 64,
}

describe('words of the command line', () => {
  it('stay what they are in XML, HCL and an EnvironmentFile', () => {
    const domain = libvirtDomain(guest)
    expect(domain).toContain(`<cmdline>env.A=&lt;x&gt;&apos;"\${y}%{z}</cmdline>`)
    expect(domain).toContain('<name>A&amp;B_app</name>')
    expect(unitSettings(guest)).toContain(String.raw`APPEND="env.A=<x>'\"\${y}%{z}"`)
    const job = nomadJob({ ...guest, folder: `/srv/\${x}` })
    expect(job).toContain(`"/srv/$\${x}/disk.qcow2"`)
  })
})

describe('names', () => {
  it('become what Kubernetes allows (RFC 1123 labels)', () => {
    expect(virtualMachineInstance(guest, 'r/a:1')).toMatchObject({ metadata: { name: 'a-b-app' } })
  })

  it('give the same UUID each time', () => {
    expect(stableUuid('notes')).toBe(stableUuid('notes'))
    expect(stableUuid('notes')).not.toBe(stableUuid('chat'))
    expect(stableUuid('notes')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })
})

describe('GRUB', () => {
  it('boots the app as the one module, and leaves the line out where there is none', () => {
    const names = { image: 'e.elf', settings: 's.cfg' }
    expect(grubConfiguration({ ...names, app: 'app' })).toContain(
      '  if module2 $prefix/app; then boot; fi',
    )
    expect(grubConfiguration({ ...names, app: undefined })).not.toContain('module2')
  })
})

describe('options', () => {
  const line = (target: string, ...words: string[]) => {
    try {
      return parsePackageOptions(target, words, {})
    } catch (error) {
      if (!(error instanceof RunError)) throw error
      return error.line
    }
  }

  it('of make run are refused with what to do instead', () => {
    expect(line('disk', 'NET=tap')).toMatch(/^Cannot use NET= with make disk: .*Next: leave it out/)
    expect(line('package', 'ACCEL=kvm')).toMatch(/^Cannot use ACCEL= with make package: .*Next: /)
    expect(line('disk', 'ENV=package.json')).toMatch(/^Cannot use ENV=/)
    expect(line('package', 'RESTART=always')).toMatch(/^Cannot use RESTART= with make package: /)
  })

  it('that the guest would refuse are refused before anything is written', () => {
    expect(line('package', 'APPEND=ip=10.0.0.0/24')).toMatch(
      /^Cannot make a package of "ip=10\.0\.0\.0\/24": ip=.*Next: give words that the guest/,
    )
    expect(line('disk', 'APPEND=gateway=10.0.0.1 ip=off')).toMatch(
      /^Cannot make a disk of ".*Next: /,
    )
    expect(line('disk', 'APPEND=ip.8=off')).toMatch(/^Cannot use ip\.8=: .*ip\.1 to ip\.7.*Next: /)
  })

  it('become the command line', () => {
    expect(line('package', 'APPEND=ip=10.0.0.2/24 ip6=off', 'LOG=debug')).toMatchObject({
      commandLine: 'ip=10.0.0.2/24 ip6=off log=debug',
      app: undefined,
    })
    expect(line('package', 'APPEND=ip.1=10.1.0.2/24 gateway.1=10.1.0.1 env.EMPTY=')).toMatchObject({
      commandLine: 'ip.1=10.1.0.2/24 gateway.1=10.1.0.1 env.EMPTY=',
    })
  })
})
