/** Work of the platform on many slots of a queue at once: slots[from] to slots[to - 1]. */

export interface SlotOperations {
  /**
   * Writes a header into each slot, whose place is `at` bytes behind slot * `strideBytes` of
   * `target`: as the first of a series of frames has it, with what the layout says grown from frame
   * to frame. `layout` is a FrameSeries's. The text, `size` bytes for each, is read only when it is
   * to be summed.
   */
  writeSeries(
    target: Uint8Array,
    strideBytes: number,
    at: number,
    slots: Uint16Array,
    from: number,
    to: number,
    header: Uint8Array,
    headerLength: number,
    layout: Uint16Array,
    text: Uint8Array,
    textOffset: number,
    size: number,
  ): void
  /**
   * `fields` has three numbers for each field, at, first and step: words[slot * strideWords + at]
   * becomes first + step * place. Places follow each other from slot to slot, from `place` on; 0
   * follows lap - 1. Throws RangeError unless `place` is below `lap`.
   */
  storeSeries(
    words: Uint32Array,
    strideWords: number,
    slots: Uint16Array,
    from: number,
    to: number,
    fields: Uint32Array,
    place: number,
    lap: number,
  ): void
  /** Sets marks[slot] to `mark`; how many were something else. */
  markSlots(marks: Uint8Array, slots: Uint16Array, from: number, to: number, mark: number): number
  /** How many slots in a row have the mark of the first. */
  countAlike(marks: Uint8Array, slots: Uint16Array, from: number, to: number): number
  /**
   * Writes the slots into a ring of mask + 1 elements that begins at ring[start], from its `index`
   * on, which may be beyond its end, and sets marks[slot] to 1.
   */
  pushSlots(
    ring: Uint16Array,
    start: number,
    mask: number,
    index: number,
    slots: Uint16Array,
    from: number,
    to: number,
    marks: Uint8Array,
  ): void
  /**
   * Reads `count` pairs of a slot and a length, each word once, from such a ring that begins at
   * pairs[start], to slots[at] and lengths[at] on, and sets marks[slot] to 0. Ends before a slot
   * that has no mark, or cannot have one; how many it has read.
   */
  pullSlots(
    pairs: Uint32Array,
    start: number,
    mask: number,
    index: number,
    count: number,
    marks: Uint8Array,
    slots: Uint16Array,
    lengths: Uint32Array,
    at: number,
  ): number
}
