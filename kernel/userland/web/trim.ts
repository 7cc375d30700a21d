/**
 * Text without what surrounds it. An expression like /[ ]+$/ looks at each run within the text from
 * each of its characters on: a megabyte of blanks that a peer has sent would take it for hours.
 */

/** `isOuter` is asked for character codes from both ends on. */
export function trimOuter(text: string, isOuter: (code: number) => boolean): string {
  let start = 0
  let end = text.length
  while (start < end && isOuter(text.charCodeAt(start))) start++
  while (end > start && isOuter(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}
