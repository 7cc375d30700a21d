/**
 * One row of the table: bytes for both servers, what ours answers, and where Node does otherwise.
 */

export interface Exchange {
  readonly name: string
  readonly bytes: string
  /** As readResponses puts it. */
  readonly answer: string
  /** Node's answer and why ours is another. */
  readonly difference?: { readonly node: string; readonly why: string }
}
