/**
 * The QMP schema as TypeScript: one declaration a type, and the maps of commands and events by
 * name.
 */
import { nameTypes } from './name-types.ts'
import { isEmptyObject, type ObjectInfo, QmpSchema, type SchemaInfo } from './qmp-schema.ts'

/** JSON.parse makes a double of every number: integers beyond 2^53 lose their last bits. */
const JSON_TYPES = {
  string: 'string',
  number: 'number',
  int: 'number',
  boolean: 'boolean',
  null: 'null',
  object: 'Readonly<Record<string, unknown>>',
  array: 'readonly unknown[]',
  value: 'unknown',
} as const

/** @param version for the header, e.g. `7.2.22`. */
export function emitQmpTypes(entries: readonly SchemaInfo[], version: string): string {
  const schema = new QmpSchema(entries)
  const names = nameTypes(schema)
  const types = new TypeDeclarations(schema, names)
  const lines = [
    `/** QMP of QEMU ${version}, from query-qmp-schema. Made by generate/generate-qmp-types.ts: do not edit. */`,
    '',
    'export type QmpNone = Readonly<Record<string, never>>',
  ]
  const declared = [...names].map(([masked, name]) => ({ masked, name }))
  declared.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { masked, name } of declared) lines.push('', ...types.declare(masked, name))
  lines.push('', 'export interface QmpCommands {')
  for (const command of schema.commands) {
    lines.push(...deprecation(command.features, '  '))
    const takes = types.reference(command['arg-type'])
    const gives = types.reference(command['ret-type'])
    lines.push(`  ${key(command.name)}: { arguments: ${takes}; returns: ${gives} }`)
  }
  lines.push('}', '', 'export interface QmpEvents {')
  for (const event of schema.events) {
    lines.push(...deprecation(event.features, '  '))
    lines.push(`  ${key(event.name)}: ${types.reference(event['arg-type'])}`)
  }
  return `${[...lines, '}'].join('\n')}\n`
}

/** TypeScript for single types of the schema. */
class TypeDeclarations {
  private readonly schema: QmpSchema
  private readonly names: ReadonlyMap<string, string>

  constructor(schema: QmpSchema, names: ReadonlyMap<string, string>) {
    this.schema = schema
    this.names = names
  }

  declare(masked: string, name: string): string[] {
    const type = this.schema.type(masked)
    switch (type['meta-type']) {
      case 'enum':
        return declareEnum(name, this.enumValues(masked))
      case 'alternate': {
        const choices = type.members.map((member) => this.reference(member.type))
        return [`export type ${name} = ${[...new Set(choices)].join(' | ')}`]
      }
      case 'object':
        return type.variants === undefined
          ? [`export interface ${name} {`, ...this.members(type), '}']
          : this.declareUnion(type, name)
      default:
        throw new Error(`Cannot declare QMP type ${masked}: it is a ${type['meta-type']}`)
    }
  }

  /**
   * What all cases share, and one alternative a case; cases that add nothing are one alternative
   * together.
   */
  private declareUnion(type: ObjectInfo, name: string): string[] {
    const tag = type.members.find((member) => member.name === type.tag)
    if (tag === undefined) throw new Error(`Cannot declare QMP type ${name}: it lacks its tag`)
    const variants = new Map((type.variants ?? []).map((variant) => [variant.case, variant.type]))
    const cases: string[] = []
    const plain: string[] = []
    for (const value of this.enumValues(tag.type)) {
      const more = variants.get(value)
      if (more === undefined || isEmptyObject(this.schema.type(more))) plain.push(quote(value))
      else
        cases.push(`  | ({ readonly ${key(tag.name)}: ${quote(value)} } & ${this.reference(more)})`)
    }
    if (plain.length > 0) cases.push(`  | { readonly ${key(tag.name)}: ${plain.join(' | ')} }`)
    const shared = { ...type, members: type.members.filter((member) => member !== tag) }
    return [`export type ${name} = {`, ...this.members(shared), '} & (', ...cases, ')']
  }

  private members(type: ObjectInfo): string[] {
    return type.members.flatMap((member) => {
      const mark = 'default' in member ? '?' : ''
      return [
        ...deprecation(member.features, '  '),
        `  readonly ${key(member.name)}${mark}: ${this.reference(member.type)}`,
      ]
    })
  }

  reference(masked: string): string {
    const type = this.schema.type(masked)
    switch (type['meta-type']) {
      case 'builtin':
        return JSON_TYPES[type['json-type']]
      case 'array': {
        const element = this.reference(type['element-type'])
        return `readonly ${/[ |&]/.test(element) ? `(${element})` : element}[]`
      }
      default:
        return isEmptyObject(type) ? 'QmpNone' : this.names.get(masked)!
    }
  }

  private enumValues(masked: string): readonly string[] {
    const type = this.schema.type(masked)
    if (type['meta-type'] !== 'enum') {
      throw new Error(`Cannot list the values of QMP type ${masked}: it is not an enum`)
    }
    return type.members?.map(({ name }) => name) ?? type.values ?? []
  }
}

function declareEnum(name: string, values: readonly string[]): string[] {
  if (values.length === 0) return [`export type ${name} = never`]
  return [`export type ${name} =`, ...values.map((value) => `  | ${quote(value)}`)]
}

function deprecation(features: readonly string[] | undefined, indent: string): string[] {
  const isDeprecated = features?.includes('deprecated') ?? false
  return isDeprecated ? [`${indent}/** @deprecated by QEMU. */`] : []
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name)
}
