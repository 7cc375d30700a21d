/**
 * Which Debian packages make the Linux guest: the kernel that the metapackage names, programs,
 * shared libraries.
 */
import type { DebianPackage } from '../../debian/control-stanza.ts'

/**
 * The cloud flavor: Debian's kernel for virtual machines, with the virtio drivers and little else.
 */
export const KERNEL_METAPACKAGE = 'linux-image-cloud-amd64'

/**
 * The guest's programs: a shell for init, the measuring server, RFC 862 echo, HTTP with keep-alive.
 */
export const PROGRAM_PACKAGES = ['busybox-static', 'iperf3', 'inetutils-inetd', 'nginx'] as const

/**
 * Debian Policy 8.1 wants shared libraries in packages of their own; the archive has them in this
 * section.
 */
const LIBRARY_SECTION = 'libs'

export interface PackageSelection {
  /**
   * To be downloaded: the kernel first, then programs, then libraries in the order they were met.
   */
  readonly selected: readonly DebianPackage[]
  /**
   * Names whose stanzas must be known before more can be said; nothing is final until this is
   * empty.
   */
  readonly unknown: readonly string[]
}

/**
 * Follows the metapackage to the kernel, and programs to their libraries. The rest of what packages
 * depend on (maintainers' scripts, daemons' accounts, the tools that make an initramfs) has no
 * place in this guest.
 * @param absent names that apt does not know: virtual packages, which no library is.
 */
export function selectPackages(
  known: ReadonlyMap<string, DebianPackage>,
  absent: ReadonlySet<string> = new Set(),
): PackageSelection {
  const selected: DebianPackage[] = []
  const unknown = new Set<string>()
  const met = new Set<string>()
  const meet = (name: string): DebianPackage | undefined => {
    if (met.has(name)) return undefined
    met.add(name)
    const found = known.get(name)
    if (found === undefined && !absent.has(name)) unknown.add(name)
    return found
  }
  const kernelName = meet(KERNEL_METAPACKAGE)?.dependencies.find(isKernel)
  const kernel = kernelName === undefined ? undefined : meet(kernelName)
  if (kernel !== undefined) selected.push(kernel)
  const waiting: string[] = []
  for (const name of PROGRAM_PACKAGES) {
    const program = meet(name)
    if (program === undefined) continue
    selected.push(program)
    waiting.push(...program.dependencies)
  }
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const library = meet(name)
    if (library?.section !== LIBRARY_SECTION) continue
    selected.push(library)
    waiting.push(...library.dependencies)
  }
  return { selected, unknown: [...unknown] }
}

function isKernel(name: string): boolean {
  return /^linux-image-[0-9]/.test(name)
}
