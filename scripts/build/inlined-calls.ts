/**
 * The calls that a pass has put the called function's body in place of: what a trace needs to show
 * them all the same.
 */

export interface InlinedCall {
  /** The name of the function that was called. */
  readonly name: string
  /** Offset in the bundle of the call. */
  readonly origin: number
  /** The inlined call that this one stands in, 0 for none. */
  readonly outer: number
  /** Its variables are called `name$suffix`. */
  readonly suffix: number
  readonly parameters: readonly string[]
  /**
   * Parameters, or `this`, that have no variable of their own, and what they are worth: a name or a
   * literal.
   */
  readonly aliases: ReadonlyMap<string, string>
}

export class InlinedCalls {
  private readonly all: InlinedCall[] = []

  /** Its number, from 1 on. */
  add(call: InlinedCall): number {
    return this.all.push(call)
  }

  get(number: number): InlinedCall {
    const call = this.all[number - 1]
    if (call === undefined) throw new RangeError(`There is no inlined call ${number}`)
    return call
  }

  get count(): number {
    return this.all.length
  }
}
