/** `node:assert/strict`: `equal` and `notEqual` are those of `===`. */
import { notStrictEqual, strict, strictEqual } from './assert.ts'

export {
  AssertionError,
  deepEqual,
  deepStrictEqual,
  doesNotMatch,
  doesNotReject,
  doesNotThrow,
  fail,
  ifError,
  match,
  notDeepEqual,
  notDeepStrictEqual,
  notStrictEqual,
  ok,
  rejects,
  strict,
  strictEqual,
  throws,
} from './assert.ts'
export { notStrictEqual as notEqual, strictEqual as equal }

export default strict
