/**
 * The Linux guest's packages: the kernel that the metapackage names, the programs, and their
 * libraries alone.
 */
import { describe, expect, it } from 'vitest'
import { type DebianPackage, parseControlStanzas } from '../../../debian/control-stanza.ts'
import { selectPackages } from '../select-packages.ts'

const KERNEL = 'linux-image-6.12.43+deb13-cloud-amd64'

const ARCHIVE = parseControlStanzas(`Package: linux-image-cloud-amd64
Section: kernel
Depends: linux-base, ${KERNEL} (= 6.12.43-1)

Package: ${KERNEL}
Section: kernel
Depends: kmod, initramfs-tools | linux-initramfs-tool

Package: busybox-static
Section: shells

Package: iperf3
Section: net
Depends: adduser, libiperf0

Package: inetutils-inetd
Section: net
Depends: libc6, tcpd

Package: nginx
Section: httpd
Depends: libc6, zlib1g, nginx-common

Package: libiperf0
Section: libs
Depends: libc6, libssl3t64

Package: libssl3t64
Section: libs
Depends: libc6, openssl-provider-legacy

Package: zlib1g
Section: libs
Depends: libc6

Package: libc6
Section: libs
Depends: libgcc-s1

Package: libgcc-s1
Section: libs
Depends: libc6

Package: adduser
Section: admin

Package: tcpd
Section: net
Depends: libwrap0

Package: nginx-common
Section: httpd

Package: openssl-provider-legacy
Section: utils
`)

const names = (packages: readonly DebianPackage[]): string[] => packages.map(({ name }) => name)

describe('selectPackages', () => {
  it('takes the kernel, the programs and their libraries, each once, and nothing for maintainers', () => {
    const { selected, unknown } = selectPackages(ARCHIVE)
    expect(unknown).toEqual([])
    expect(names(selected).slice(0, 5)).toEqual([
      KERNEL,
      'busybox-static',
      'iperf3',
      'inetutils-inetd',
      'nginx',
    ])
    expect(names(selected).slice(5).sort()).toEqual([
      'libc6',
      'libgcc-s1',
      'libiperf0',
      'libssl3t64',
      'zlib1g',
    ])
  })

  it('asks, step by step, for what it must know', () => {
    const known = new Map<string, DebianPackage>()
    const asked: string[][] = []
    for (;;) {
      const { selected, unknown } = selectPackages(known)
      if (unknown.length === 0) {
        expect(names(selected)).toEqual(names(selectPackages(ARCHIVE).selected))
        break
      }
      asked.push([...unknown])
      for (const name of unknown) known.set(name, ARCHIVE.get(name)!)
    }
    expect(asked[0]).toContain('linux-image-cloud-amd64')
    expect(asked[1]).toContain(KERNEL)
    // What initramfs-tools or libwrap0 are never matters.
    expect(asked.flat()).not.toContain('kmod')
    expect(asked.flat()).not.toContain('libwrap0')
  })

  it('comes to an end when apt knows no such package', () => {
    const { selected, unknown } = selectPackages(new Map(), new Set())
    const absent = new Set(unknown)
    expect(selectPackages(new Map(), absent).unknown).toEqual([])
    expect(selected).toEqual([])
  })
})
