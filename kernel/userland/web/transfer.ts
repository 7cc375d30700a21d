/** What moves to the other side of a clone, instead of being copied (HTML §2.7.3). */

/** Under what a transferable object has its `Transfer`. */
export const TRANSFER = /* @__PURE__ */ Symbol('transfer')

export interface Transfer {
  /** What stands for it in the clone. */
  readonly received: object
  /** Moves it, once everything else has been cloned. */
  complete(): void
}

/** Undefined for what cannot move; throws DOMException for what has moved already. */
export function transferOf(value: object): Transfer | undefined {
  return (value as { [TRANSFER]?: () => Transfer })[TRANSFER]?.()
}
