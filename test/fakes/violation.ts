/**
 * What a fake throws when the code under test breaks a rule that real hardware or a real host
 * relies on.
 */
export class Violation extends Error {
  override readonly name = 'Violation'
}
