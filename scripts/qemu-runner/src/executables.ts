/** Finds the programs this package runs, and says how to get a missing one. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian packages by program. */
const DEBIAN_PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  dumpcap: 'wireshark-common',
  tshark: 'tshark',
  ethtool: 'ethtool',
  ip: 'iproute2',
  nstat: 'iproute2',
  bridge: 'iproute2',
  nft: 'nftables',
  curl: 'curl',
  clang: 'clang',
  editcap: 'wireshark-common',
  setpriv: 'util-linux',
  taskset: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
}

export class MissingToolError extends Error {
  override readonly name = 'MissingToolError'
  readonly tool: string

  constructor(tool: string) {
    const name = DEBIAN_PACKAGES[tool]
    const advice = name === undefined ? '' : `; on Debian: apt-get install ${name}`
    const why = tool.includes('/')
      ? 'there is no such executable file; correct the path'
      : `it is not on the PATH${advice}`
    super(`Cannot run ${tool}: ${why}`)
    this.tool = tool
  }
}

/** The path of a program; administrators' folders are searched even when the PATH lacks them. */
export function findExecutable(name: string): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  for (const folder of folders) {
    const path = join(folder, name)
    if (folder !== '' && isExecutable(path)) return path
  }
  return undefined
}

export function requireExecutable(name: string): string {
  const path = findExecutable(name)
  if (path === undefined) throw new MissingToolError(name)
  return path
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
