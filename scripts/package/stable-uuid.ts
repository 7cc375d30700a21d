/**
 * Identifiers that are the same for the same thing, where others draw random ones: packages are to
 * be made again octet by octet.
 */
import { createHash } from 'node:crypto'

/**
 * A UUID of a text, by its form one of version 8 (RFC 9562 §5.8), which is for uses of one's own.
 */
export function stableUuid(text: string): string {
  const digits = createHash('sha256').update(text).digest('hex')
  const parts = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(12, 15)}`,
    `8${digits.slice(15, 18)}`,
    digits.slice(18, 30),
  ]
  return parts.join('-')
}
