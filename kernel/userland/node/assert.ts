/**
 * `node:assert`: what does not hold throws AssertionError. `deepEqual` is the strict one: the loose
 * one of old takes too much for the same.
 */
import { isDeepStrictEqual } from './deep-equal.ts'

type Message = string | Error
type Expected = RegExp | object | ((error: unknown) => unknown)

export interface AssertionParts {
  readonly message?: string | undefined
  readonly actual?: unknown
  readonly expected?: unknown
  readonly operator?: string | undefined
}

export class AssertionError extends Error {
  readonly code = 'ERR_ASSERTION'
  readonly generatedMessage: boolean
  readonly actual: unknown
  readonly expected: unknown
  readonly operator: string | undefined

  constructor({ message, actual, expected, operator }: AssertionParts) {
    super(message ?? `${textOf(actual)} ${operator} ${textOf(expected)}`)
    this.name = 'AssertionError'
    this.generatedMessage = message === undefined
    this.actual = actual
    this.expected = expected
    this.operator = operator
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return '[object]'
  }
}

/** An Error in place of a message is thrown itself. */
function check(holds: boolean, message: Message | undefined, parts: AssertionParts): void {
  if (holds) return
  if (message instanceof Error) throw message
  throw new AssertionError({ ...parts, message })
}

export function ok(value: unknown, message?: Message): void {
  check(Boolean(value), message, { actual: value, expected: true, operator: '==' })
}

/** By `==`, and NaN is like itself. */
export function equal(actual: unknown, expected: unknown, message?: Message): void {
  check(areLooselyEqual(actual, expected), message, { actual, expected, operator: '==' })
}

export function notEqual(actual: unknown, expected: unknown, message?: Message): void {
  check(!areLooselyEqual(actual, expected), message, { actual, expected, operator: '!=' })
}

function areLooselyEqual(a: unknown, b: unknown): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: that is what the method is for
  return a == b || (Number.isNaN(a) && Number.isNaN(b))
}

export function strictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'strictEqual'
  check(Object.is(actual, expected), message, { actual, expected, operator })
}

export function notStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'notStrictEqual'
  check(!Object.is(actual, expected), message, { actual, expected, operator })
}

export function deepStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'deepStrictEqual'
  check(isDeepStrictEqual(actual, expected), message, { actual, expected, operator })
}

export function notDeepStrictEqual(actual: unknown, expected: unknown, message?: Message): void {
  const operator = 'notDeepStrictEqual'
  check(!isDeepStrictEqual(actual, expected), message, { actual, expected, operator })
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  const holds = typeof text === 'string' && text.search(pattern) >= 0
  check(holds, message, { actual: text, expected: pattern, operator: 'match' })
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  const holds = typeof text === 'string' && text.search(pattern) < 0
  check(holds, message, { actual: text, expected: pattern, operator: 'doesNotMatch' })
}

export function fail(message: Message = 'Failed'): never {
  if (message instanceof Error) throw message
  throw new AssertionError({ message, operator: 'fail' })
}

/** Throws what is neither null nor undefined. */
export function ifError(value: unknown): void {
  if (value === null || value === undefined) return
  if (value instanceof Error) throw value
  const message = `ifError got unwanted exception: ${textOf(value)}`
  throw new AssertionError({ message, actual: value, expected: null, operator: 'ifError' })
}

export function throws(work: () => unknown, ...expectation: Expectation): void {
  let thrown: { readonly error: unknown } | null = null
  try {
    work()
  } catch (error) {
    thrown = { error }
  }
  checkThrown(thrown, 'throws', expectation)
}

export async function rejects(work: Work, ...expectation: Expectation): Promise<void> {
  let thrown: { readonly error: unknown } | null = null
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    thrown = { error }
  }
  checkThrown(thrown, 'rejects', expectation)
}

/** What it throws goes on: that is how one sees it. */
export function doesNotThrow(work: () => unknown): void {
  work()
}

export async function doesNotReject(work: Work): Promise<void> {
  await (typeof work === 'function' ? work() : work)
}

type Work = Promise<unknown> | (() => Promise<unknown>)
type Expectation = [expected?: Expected | Message, message?: Message]

function checkThrown(
  thrown: { readonly error: unknown } | null,
  operator: string,
  [first, second]: Expectation,
): void {
  const isMessage = typeof first === 'string'
  const expected = isMessage ? undefined : first
  const message = isMessage ? first : second
  if (thrown === null) {
    const missing =
      operator === 'throws' ? 'Missing expected exception' : 'Missing expected rejection'
    if (message instanceof Error) throw message
    throw new AssertionError({ message: message ?? missing, expected, operator })
  }
  if (expected === undefined) return
  const { error } = thrown
  check(isAsExpected(error, expected), message, { actual: error, expected, operator })
}

function isClassOfErrors(value: unknown): value is new () => Error {
  if (typeof value !== 'function') return false
  return value === Error || Object.prototype.isPrototypeOf.call(Error, value)
}

function isAsExpected(error: unknown, expected: Expected): boolean {
  if (expected instanceof RegExp) return expected.test(String(error))
  if (isClassOfErrors(expected)) return error instanceof expected
  if (typeof expected === 'function') return expected(error) === true
  const names = Object.keys(expected)
  if (expected instanceof Error) names.push('name', 'message')
  return names.every((name) => {
    const found = (error as Record<string, unknown> | null)?.[name]
    const wanted = (expected as Record<string, unknown>)[name]
    if (wanted instanceof RegExp && typeof found === 'string') return wanted.test(found)
    return isDeepStrictEqual(found, wanted)
  })
}

export { deepStrictEqual as deepEqual, notDeepStrictEqual as notDeepEqual }

const methods = {
  ...{ AssertionError, deepStrictEqual, doesNotMatch, doesNotReject, doesNotThrow, equal, fail },
  ...{ ifError, match, notDeepStrictEqual, notEqual, notStrictEqual, ok, rejects, strictEqual },
  ...{ deepEqual: deepStrictEqual, notDeepEqual: notDeepStrictEqual, throws },
} as const

export type Assert = ((value: unknown, message?: Message) => void) &
  typeof methods & { readonly strict: Assert }

function callable(strictly: object, strict?: Assert): Assert {
  const assert = (value: unknown, message?: Message) => ok(value, message)
  return Object.assign(assert, methods, strictly, { strict: strict ?? assert }) as Assert
}

export const strict: Assert = /* @__PURE__ */ callable({
  ...{ equal: strictEqual, notEqual: notStrictEqual },
})

export default /* @__PURE__ */ callable({}, strict)
