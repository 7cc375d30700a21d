/** WebIDL's USVString: strings of Unicode scalar values. */

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

export function toWellFormed(value: unknown): string {
  return `${value}`.replace(LONE_SURROGATE, '\ufffd')
}
