/** The generator of QMP types, on a small schema: every kind of type, readable names that stay. */
import { describe, expect, it } from 'vitest'
import { emitQmpTypes } from '../generate/emit-qmp-types.ts'
import { nameTypes } from '../generate/name-types.ts'
import { QmpSchema, type SchemaInfo } from '../generate/qmp-schema.ts'

const BUILTINS: SchemaInfo[] = [
  { name: 'str', 'meta-type': 'builtin', 'json-type': 'string' },
  { name: 'int', 'meta-type': 'builtin', 'json-type': 'int' },
  { name: 'bool', 'meta-type': 'builtin', 'json-type': 'boolean' },
  { name: 'null', 'meta-type': 'builtin', 'json-type': 'null' },
  { name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
  { name: '0', 'meta-type': 'object', members: [] },
]

const STATUS: SchemaInfo[] = [
  ...BUILTINS,
  { name: 'query-status', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '7' },
  {
    name: '7',
    'meta-type': 'object',
    members: [
      { name: 'running', type: 'bool' },
      { name: 'io-status', type: '8', default: null },
      { name: 'singlestep', type: 'bool', features: ['deprecated'] },
    ],
  },
  { name: '8', 'meta-type': 'enum', members: [{ name: 'ok' }, { name: "can't" }] },
]

/**
 * A flat union whose cases add members, add none, and lead back to the union itself through an
 * alternate.
 */
const UNION: SchemaInfo[] = [
  ...BUILTINS,
  { name: 'blockdev-add', 'meta-type': 'command', 'arg-type': '20', 'ret-type': '0' },
  {
    name: '20',
    'meta-type': 'object',
    tag: 'driver',
    members: [
      { name: 'driver', type: '21' },
      { name: 'node-name', type: 'str', default: null },
    ],
    variants: [
      { case: 'file', type: '22' },
      { case: 'raw', type: '23' },
      { case: 'null-co', type: '0' },
    ],
  },
  {
    name: '21',
    'meta-type': 'enum',
    members: [{ name: 'file' }, { name: 'raw' }, { name: 'null-co' }, { name: 'later' }],
  },
  { name: '22', 'meta-type': 'object', members: [{ name: 'filename', type: 'str' }] },
  { name: '23', 'meta-type': 'object', members: [{ name: 'file', type: '24' }] },
  {
    name: '24',
    'meta-type': 'alternate',
    members: [{ type: 'str' }, { type: '20' }, { type: 'null' }],
  },
]

const EVENTS: SchemaInfo[] = [
  ...BUILTINS,
  { name: 'STOP', 'meta-type': 'event', 'arg-type': '0' },
  { name: 'NIC_RX_FILTER_CHANGED', 'meta-type': 'event', 'arg-type': '30' },
  { name: '30', 'meta-type': 'object', members: [{ name: 'paths', type: '[31]' }] },
  { name: '[31]', 'meta-type': 'array', 'element-type': '31' },
  { name: '31', 'meta-type': 'object', members: [{ name: 'value', type: 'any' }] },
]

function lines(schema: SchemaInfo[]): string[] {
  return emitQmpTypes(schema, '9.9.9')
    .split('\n')
    .map((line) => line.trim())
}

describe('emitQmpTypes', () => {
  it('gives commands their arguments and result, with optional and deprecated members', () => {
    const text = emitQmpTypes(STATUS, '9.9.9')
    expect(text).toContain('QMP of QEMU 9.9.9')
    expect(text).toContain("'query-status': { arguments: QmpNone; returns: QueryStatusResult }")
    expect(text).toContain(`export interface QueryStatusResult {
  readonly running: boolean
  readonly 'io-status'?: QueryStatusResultIoStatus
  /** @deprecated by QEMU. */
  readonly singlestep: boolean
}`)
  })

  it('writes enums as unions of string literals, quotes and all', () => {
    expect(emitQmpTypes(STATUS, '9')).toContain(`export type QueryStatusResultIoStatus =
  | 'ok'
  | 'can\\'t'`)
  })

  it('takes the older list of values where an enum has no members', () => {
    const older = STATUS.map((entry) =>
      entry.name === '8'
        ? ({ name: '8', 'meta-type': 'enum', values: ['old'] } as SchemaInfo)
        : entry,
    )
    expect(lines(older)).toContain("| 'old'")
  })

  it('writes flat unions with their discriminator, cases that add nothing together', () => {
    expect(emitQmpTypes(UNION, '9')).toContain(`export type BlockdevAddArguments = {
  readonly 'node-name'?: string
} & (
  | ({ readonly driver: 'file' } & BlockdevAddArgumentsFile)
  | ({ readonly driver: 'raw' } & BlockdevAddArgumentsRaw)
  | { readonly driver: 'null-co' | 'later' }
)`)
  })

  it('writes alternates as unions and follows types that contain themselves', () => {
    expect(lines(UNION)).toContain(
      'export type BlockdevAddArgumentsRawFile = string | BlockdevAddArguments | null',
    )
  })

  it('gives events their data, arrays of types named after them', () => {
    const text = lines(EVENTS)
    expect(text).toContain('STOP: QmpNone')
    expect(text).toContain('NIC_RX_FILTER_CHANGED: NicRxFilterChangedEvent')
    expect(text).toContain('readonly paths: readonly NicRxFilterChangedEventPaths[]')
    expect(text).toContain('readonly value: unknown')
  })

  it('puts alternatives of an array in parentheses', () => {
    const schema: SchemaInfo[] = [
      ...BUILTINS,
      { name: 'a', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '[[1]]' },
      { name: '[[1]]', 'meta-type': 'array', 'element-type': '[1]' },
      { name: '[1]', 'meta-type': 'array', 'element-type': 'str' },
    ]
    expect(emitQmpTypes(schema, '9')).toContain('returns: readonly (readonly string[])[]')
  })

  it('refuses a schema that names a type it does not define', () => {
    const broken = STATUS.filter(({ name }) => name !== '8')
    expect(() => emitQmpTypes(broken, '9')).toThrow('Cannot read the QMP schema: it lacks type "8"')
  })
})

describe('nameTypes', () => {
  it('does not depend on the numbers that QEMU masks names with, nor on the order of the schema', () => {
    const renumber = (name: string): string => name.replace(/\d+/g, (n) => String(Number(n) + 500))
    const renumbered = JSON.parse(
      JSON.stringify([...UNION].reverse(), (key, value: unknown) =>
        ['name', 'type', 'arg-type', 'ret-type', 'element-type'].includes(key)
          ? renumber(String(value))
          : value,
      ),
    ) as SchemaInfo[]
    expect(emitQmpTypes(renumbered, '9')).toBe(emitQmpTypes(UNION, '9'))
  })

  it('calls a type after a stable command rather than after an experimental one', () => {
    const schema: SchemaInfo[] = [
      ...STATUS,
      { name: 'a-thing', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '0' },
      { name: 'x-a-status', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '7' },
    ]
    expect(nameTypes(new QmpSchema(schema)).get('7')).toBe('QueryStatusResult')
  })

  it('keeps names apart that differ only in punctuation', () => {
    const schema: SchemaInfo[] = [
      ...BUILTINS,
      { name: 'a-b', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '1' },
      { name: 'a_b', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '2' },
      { name: '1', 'meta-type': 'object', members: [{ name: 'x', type: 'int' }] },
      { name: '2', 'meta-type': 'object', members: [{ name: 'y', type: 'int' }] },
    ]
    expect([...nameTypes(new QmpSchema(schema)).values()]).toEqual(['ABResult', 'ABResult2'])
  })
})
