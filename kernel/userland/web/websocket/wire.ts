/** What carries the bytes of a WebSocket, as its link sees that. */
export interface Wire {
  /** Takes as many bytes from `offset` on as there is room for; `flush` is called for the rest. */
  send(bytes: Uint8Array, offset: number): number
  /** Another number each time that the peer has taken something. */
  taken(): number
  /** Nothing more is sent or read; what was sent still arrives. */
  finish(): void
  abort(): void
  /** When `expire` is to be called. */
  setDeadline(atMs: number): void
  nowMs(): number
  /** A line for who looks for the reason. */
  debug(message: string): void
}
