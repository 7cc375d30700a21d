/** What the IP headers of a flow say by its user's wish, also while there is no path. */
import type { FlowFields } from './protocol-handler.ts'

export const ORDINARY_FIELDS: FlowFields = {
  hopLimit: 0,
  trafficClass: 0,
  dontFragment: true,
}

/** Of a DSCP, above the two ECN bits. */
const CODE_POINT_SHIFT = 2

/** What an app names of them. */
export interface FieldWishes {
  readonly hopLimit?: number | undefined
  /** The DSCP, 0 to 63. */
  readonly differentiatedServices?: number | undefined
}

/** The fields with what is named, ORDINARY_FIELDS where nothing is. Throws RangeError. */
export function fieldsOf({ hopLimit, differentiatedServices }: FieldWishes): FlowFields {
  let fields = ORDINARY_FIELDS
  if (hopLimit !== undefined) fields = withHopLimit(fields, hopLimit)
  if (differentiatedServices !== undefined) fields = withCodePoint(fields, differentiatedServices)
  return fields
}

/** The same with another hop limit, 1 to 255. Throws RangeError. */
export function withHopLimit(fields: FlowFields, hopLimit: number): FlowFields {
  requireHopLimit(hopLimit)
  return { ...fields, hopLimit }
}

/** The same with another DSCP, 0 to 63. Throws RangeError. */
export function withCodePoint(fields: FlowFields, codePoint: number): FlowFields {
  requireCodePoint(codePoint)
  return { ...fields, trafficClass: codePoint << CODE_POINT_SHIFT }
}

export function requireHopLimit(hopLimit: number): void {
  requireInteger('hop limit', hopLimit, 1, 255)
}

export function requireCodePoint(codePoint: number): void {
  requireInteger('DSCP', codePoint, 0, 63)
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`Cannot set the ${name}: it must be ${least} to ${most}, not ${value}`)
  }
}
