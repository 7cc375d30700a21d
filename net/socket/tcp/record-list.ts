/**
 * Records in the order in which they were filed: a doubly linked list through the records
 * themselves.
 */

/** Fields a list keeps in its records. */
export interface ListedRecord<Self> {
  earlier: Self | null
  later: Self | null
}

export class RecordList<Listed extends ListedRecord<Listed>> {
  /** Read only outside. */
  first: Listed | null = null
  private last: Listed | null = null

  /** Appends a record that is in no list. */
  append(record: Listed): void {
    const { last } = this
    record.earlier = last
    record.later = null
    if (last === null) this.first = record
    else last.later = record
    this.last = record
  }

  remove(record: Listed): void {
    const { earlier, later } = record
    if (earlier === null) this.first = later
    else earlier.later = later
    if (later === null) this.last = earlier
    else later.earlier = earlier
    record.earlier = null
    record.later = null
  }
}
