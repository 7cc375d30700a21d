/** `node:path`, that of POSIX alone, by the package that bundlers take for it. */
/// <reference path="./path-browserify.d.ts" />
import path from 'path-browserify'

export const {
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  posix,
  relative,
  resolve,
  sep,
} = path

export default path
