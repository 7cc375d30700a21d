/**
 * Readable names for types that QEMU masks with numbers: each is called after the shortest way that
 * leads to it.
 */
import { isEmptyObject, type QmpSchema } from './qmp-schema.ts'

interface Visit {
  readonly type: string
  readonly name: string
}

/**
 * The name of each object, enum and alternate, by its masked one: `QueryStatusResult` is what
 * `query-status` returns, `QueryStatusResultStatus` the type of its member `status`. The way goes
 * breadth first from the commands and events in alphabetical order, those without `x-` before the
 * others, so that another version of QEMU changes few names.
 */
export function nameTypes(schema: QmpSchema): Map<string, string> {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  const queue: Visit[] = []
  const isUnstable = ({ name }: { name: string }): boolean => /^(x-|__)/.test(name)
  const roots = [...schema.commands].sort((a, b) => Number(isUnstable(a)) - Number(isUnstable(b)))
  for (const command of roots) {
    queue.push({ type: command['arg-type'], name: `${pascalCase(command.name)}Arguments` })
    queue.push({ type: command['ret-type'], name: `${pascalCase(command.name)}Result` })
  }
  for (const event of schema.events) {
    queue.push({ type: event['arg-type'], name: `${pascalCase(event.name)}Event` })
  }
  for (let at = 0; at < queue.length; at++) {
    const { type: masked, name } = queue[at]!
    const type = schema.type(masked)
    switch (type['meta-type']) {
      case 'builtin':
        break
      case 'array':
        queue.push({ type: type['element-type'], name })
        break
      default: {
        if (names.has(masked) || isEmptyObject(type)) break
        const unique = uniqueName(name, taken)
        names.set(masked, unique)
        if (type['meta-type'] === 'object') {
          for (const member of type.members) {
            queue.push({ type: member.type, name: unique + pascalCase(member.name) })
          }
          for (const variant of type.variants ?? []) {
            queue.push({ type: variant.type, name: unique + pascalCase(variant.case) })
          }
        } else if (type['meta-type'] === 'alternate') {
          for (const [index, member] of type.members.entries()) {
            queue.push({ type: member.type, name: `${unique}Choice${index + 1}` })
          }
        }
      }
    }
  }
  return names
}

/** `x-query-virtio` and `NIC_RX_FILTER_CHANGED` to `XQueryVirtio` and `NicRxFilterChanged`. */
function pascalCase(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const rest = /^[A-Z0-9]+$/.test(word) ? word.slice(1).toLowerCase() : word.slice(1)
      return word.charAt(0).toUpperCase() + rest
    })
    .join('')
}

function uniqueName(name: string, taken: Set<string>): string {
  let unique = name
  for (let count = 2; taken.has(unique); count++) unique = `${name}${count}`
  taken.add(unique)
  return unique
}
