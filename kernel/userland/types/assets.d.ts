/**
 * Types of the files that apps import and that are no code, by their endings
 * (scripts/build/asset-loaders.ts).
 */
/// <reference path="../../text-module.d.ts" />

declare module '*.txt' {
  const text: string
  export default text
}
declare module '*.htm' {
  const text: string
  export default text
}
declare module '*.css' {
  const text: string
  export default text
}
declare module '*.svg' {
  const text: string
  export default text
}
declare module '*.md' {
  const text: string
  export default text
}
declare module '*.xml' {
  const text: string
  export default text
}
declare module '*.csv' {
  const text: string
  export default text
}
declare module '*.sql' {
  const text: string
  export default text
}
declare module '*.graphql' {
  const text: string
  export default text
}
declare module '*.png' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.jpg' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.jpeg' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.gif' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.webp' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.avif' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.ico' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.bin' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.wasm' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.woff' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.woff2' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.ttf' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.pdf' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.gz' {
  const bytes: Uint8Array
  export default bytes
}
declare module '*.zip' {
  const bytes: Uint8Array
  export default bytes
}
