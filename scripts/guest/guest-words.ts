/**
 * The guest's own command line: what its network hands out, and over it what a person has asked
 * for.
 */

/** A gateway goes with the address that it is handed out with: without that, it is left out. */
export function guestWords(
  handedOut: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): Record<string, string> {
  const words: Record<string, string> = { ...handedOut, ...asked }
  for (const [address, gateway] of [
    ['ip', 'gateway'],
    ['ip6', 'gateway6'],
  ] as const) {
    const isStatic = words[address]?.includes('/') === true
    if (!isStatic && asked[gateway] === undefined) delete words[gateway]
  }
  return words
}
