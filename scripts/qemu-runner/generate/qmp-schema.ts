/**
 * What `query-qmp-schema` answers: QEMU's interface described in its own terms (QEMU's
 * qapi/introspect.json).
 */

interface Described {
  readonly name: string
  /** `deprecated`, `unstable` and the like. */
  readonly features?: readonly string[]
}

export interface BuiltinInfo extends Described {
  readonly 'meta-type': 'builtin'
  readonly 'json-type':
    | 'string'
    | 'number'
    | 'int'
    | 'boolean'
    | 'null'
    | 'object'
    | 'array'
    | 'value'
}

export interface EnumInfo extends Described {
  readonly 'meta-type': 'enum'
  readonly members?: readonly Described[]
  /** The same names, for clients older than `members`. */
  readonly values?: readonly string[]
}

export interface ArrayInfo extends Described {
  readonly 'meta-type': 'array'
  readonly 'element-type': string
}

export interface MemberInfo extends Described {
  readonly type: string
  /** Present, and null so far, when the member is optional. */
  readonly default?: unknown
}

export interface ObjectInfo extends Described {
  readonly 'meta-type': 'object'
  readonly members: readonly MemberInfo[]
  /** Of a flat union: the member whose value decides which further members there are. */
  readonly tag?: string
  readonly variants?: readonly { readonly case: string; readonly type: string }[]
}

export interface AlternateInfo extends Described {
  readonly 'meta-type': 'alternate'
  readonly members: readonly { readonly type: string }[]
}

export interface CommandInfo extends Described {
  readonly 'meta-type': 'command'
  readonly 'arg-type': string
  readonly 'ret-type': string
}

export interface EventInfo extends Described {
  readonly 'meta-type': 'event'
  readonly 'arg-type': string
}

export type TypeInfo = BuiltinInfo | EnumInfo | ArrayInfo | ObjectInfo | AlternateInfo
export type SchemaInfo = TypeInfo | CommandInfo | EventInfo

/** The schema by kind, commands and events in alphabetical order. */
export class QmpSchema {
  readonly commands: readonly CommandInfo[]
  readonly events: readonly EventInfo[]
  private readonly types = new Map<string, TypeInfo>()

  constructor(entries: readonly SchemaInfo[]) {
    const byName = (a: Described, b: Described): number => (a.name < b.name ? -1 : 1)
    this.commands = entries.filter((entry) => entry['meta-type'] === 'command').sort(byName)
    this.events = entries.filter((entry) => entry['meta-type'] === 'event').sort(byName)
    for (const entry of entries) {
      if (entry['meta-type'] === 'command' || entry['meta-type'] === 'event') continue
      this.types.set(entry.name, entry)
    }
  }

  /** Throws on a name the schema does not define: the answer was cut short, or is not a schema. */
  type(name: string): TypeInfo {
    const found = this.types.get(name)
    if (found === undefined) throw new Error(`Cannot read the QMP schema: it lacks type "${name}"`)
    return found
  }
}

export function isEmptyObject(type: TypeInfo): boolean {
  return type['meta-type'] === 'object' && type.members.length === 0 && type.variants === undefined
}
