/**
 * What stops `make run` and `make bench`: the problem with its cause, and the next step, on one
 * line.
 */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly nextStep: string
  /** FILE:LINE:COLUMN in the app, when that is where the problem is. */
  readonly place: string | undefined

  constructor(problem: string, nextStep: string, place?: string) {
    super(problem)
    this.nextStep = nextStep
    this.place = place
  }

  get line(): string {
    return `${this.message.split('\n').join(' ').trim()}. Next: ${this.nextStep}`
  }
}
