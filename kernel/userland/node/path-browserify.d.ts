/** Types of the package `path-browserify`, as much as node:path hands on: it brings none. */
declare module 'path-browserify' {
  export interface ParsedPath {
    root: string
    dir: string
    base: string
    ext: string
    name: string
  }
  interface PosixPath {
    readonly delimiter: string
    readonly posix: PosixPath
    readonly sep: string
    basename(path: string, ending?: string): string
    dirname(path: string): string
    extname(path: string): string
    format(path: Partial<ParsedPath>): string
    isAbsolute(path: string): boolean
    join(...parts: string[]): string
    normalize(path: string): string
    parse(path: string): ParsedPath
    relative(from: string, to: string): string
    resolve(...parts: string[]): string
  }
  const path: PosixPath
  export default path
}
