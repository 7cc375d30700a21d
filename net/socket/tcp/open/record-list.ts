/**
 * Half-open records in the order in which they were filed: a doubly linked list through the records
 * themselves.
 */
import type { SynRecord } from './syn-record.ts'

export class RecordList {
  /** Read only outside. */
  first: SynRecord | null = null
  private last: SynRecord | null = null

  /** Appends a record that is in no list. */
  append(record: SynRecord): void {
    const { last } = this
    record.earlier = last
    record.later = null
    if (last === null) this.first = record
    else last.later = record
    this.last = record
  }

  remove(record: SynRecord): void {
    const { earlier, later } = record
    if (earlier === null) this.first = later
    else earlier.later = later
    if (later === null) this.last = earlier
    else later.earlier = earlier
    record.earlier = null
    record.later = null
  }
}
