/** What stops `make run` and `make bench`: the problem with its cause, and the next step, on one line. */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly nextStep: string

  constructor(problem: string, nextStep: string) {
    super(problem)
    this.nextStep = nextStep
  }

  get line(): string {
    return `${this.message.split('\n').join(' ').trim()}. Next: ${this.nextStep}`
  }
}
