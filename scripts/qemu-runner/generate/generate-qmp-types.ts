/**
 * `npm run generate`: writes src/qmp/schema.generated.ts from the QMP schema of the installed QEMU.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { emitQmpTypes } from './emit-qmp-types.ts'
import { readQmpSchema } from './read-qmp-schema.ts'

const TARGET = fileURLToPath(new URL('../src/qmp/schema.generated.ts', import.meta.url))

const { version, entries } = await readQmpSchema()
writeFileSync(TARGET, emitQmpTypes(entries, version))
console.log(`Wrote ${TARGET}: ${entries.length} entries of QEMU ${version}`)
