/**
 * Packages whose bundle asks for what only Node.js has, and what they are for: each is built alone,
 * and has to say what is missing. Those of express's kind want `node:http`, whose requests and
 * responses are Node's streams: `export default { fetch }` is served instead.
 */
export const NEEDS_NODE = { polka: 'routers' } as const
