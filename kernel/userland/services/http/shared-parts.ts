/** What all connections of an HTTP server share. */
import type { HeadCache } from '../../http/head-cache.ts'
import type { KnownHead } from '../../http/known-head.ts'
import type { History } from '../../status/history.ts'
import type { Pattern } from '../pattern.ts'
import type { AppSystem } from '../system.ts'
import type { LastAnswer } from './last-answer.ts'

export interface SharedParts {
  readonly system: AppSystem
  readonly pattern: Pattern
  readonly heads: HeadCache
  readonly known: KnownHead
  readonly last: LastAnswer
  readonly history: History
}
