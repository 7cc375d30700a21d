/** What becomes of files that are no code, by their endings: text, bytes or a value. */
import type { Loader } from 'esbuild'

const TEXT = ['.txt', '.html', '.htm', '.css', '.svg', '.md', '.xml', '.csv', '.sql', '.graphql']
const BYTES = ['.png', '.jpg', '.jpeg', '.gif', '.webp', '.avif', '.ico', '.bin', '.wasm']
const MORE_BYTES = ['.woff', '.woff2', '.ttf', '.pdf', '.gz', '.zip']

/** Other endings take `with { type: 'text' }`, `'bytes'` or `'json'` at the import. */
export const ASSET_LOADERS: Readonly<Record<string, Loader>> = Object.fromEntries([
  ...TEXT.map((ending) => [ending, 'text']),
  ...[...BYTES, ...MORE_BYTES].map((ending) => [ending, 'binary']),
])
