/**
 * Packages whose bundle asks for what only Node.js has: each import is built alone, and has to say
 * what is missing.
 */
export const NEEDS_NODE = ['jsonwebtoken'] as const
