/** How the log says that the date was corrected, and whose word that was. */

const US_PER_SECOND = 1e6
/** A date that is behind by more is set, all else is slewed: STEPT of RFC 5905 §A.1.1. */
export const STEP_US = 125_000

/** `offsetUs`: by how much the date was behind, or ahead when less than 0. */
export function correctionLine(offsetUs: number, source: string): string {
  const amount = `${(Math.abs(offsetUs) / US_PER_SECOND).toFixed(3)} s`
  const how = offsetUs >= 0 ? `${amount} behind` : `${amount} ahead`
  const isStep = offsetUs > STEP_US
  return `the date was ${how} of ${source}: ${isStep ? 'set' : 'corrected bit by bit'}`
}
