/**
 * Content of a request that could not be read, through the peer's doing: the status says what it is
 * answered.
 */

export class ContentError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ContentError'
    this.status = status
  }
}
