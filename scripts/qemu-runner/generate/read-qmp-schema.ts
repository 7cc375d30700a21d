/** Asks the installed QEMU for its QMP schema and version. */
import { launch } from '../src/index.ts'
import type { SchemaInfo } from './qmp-schema.ts'

export interface SchemaOfQemu {
  readonly version: string
  readonly entries: readonly SchemaInfo[]
}

export async function readQmpSchema(): Promise<SchemaOfQemu> {
  const vm = await launch({ paused: true })
  try {
    const { qemu } = await vm.qmp.execute('query-version')
    const entries = (await vm.qmp.execute('query-qmp-schema')) as readonly SchemaInfo[]
    return { version: `${qemu.major}.${qemu.minor}.${qemu.micro}`, entries }
  } finally {
    await vm.close()
  }
}
