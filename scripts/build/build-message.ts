/**
 * The bundler's errors for a person: place, reason, the line with a mark under the spot, and what
 * to do.
 */
import { builtinModules } from 'node:module'
import { relative, resolve } from 'node:path'
import type { Message } from 'esbuild'

export function formatBuildErrors(errors: readonly Message[], root: string): string {
  return errors.map((error) => formatError(error, root)).join('\n')
}

/** As the person would write it: relative within the working directory, absolute elsewhere. */
export function displayPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

function formatError({ location, text }: Message, root: string): string {
  const advice = adviceFor(text)
  const reason = advice === undefined ? text : `${text}: ${advice}`
  if (location === null) return reason
  const { column, file, line, lineText } = location
  const indent = lineText.length - lineText.trimStart().length
  const mark = `${' '.repeat(Math.max(column - indent, 0))}^`
  const place = `${displayPath(resolve(root, file))}:${line}:${column + 1}`
  return `${place}: ${reason}\n    ${lineText.trim()}\n    ${mark}`
}

function adviceFor(text: string): string | undefined {
  const ending = /^No loader is configured for "([^"]+)" files/.exec(text)?.[1]
  if (ending === '.node') return 'the guest runs no native code; look for a package in JavaScript'
  if (ending !== undefined) {
    return "say what it shall be, as in: import it from './file' with { type: 'text' } (or 'bytes', 'json')"
  }
  const jsx = /^Could not resolve "(.+)\/jsx-runtime"/.exec(text)?.[1]
  if (jsx !== undefined) {
    return `JSX is taken from ${jsx}: install it, or begin the file with /** @jsxImportSource hono/jsx */`
  }
  const name = /^Could not resolve "([^"]+)"/.exec(text)?.[1]
  if (name === undefined) return undefined
  if (/^(?:node:)?async_hooks$/.test(name)) {
    return 'there is no AsyncLocalStorage: the engine does not say when promises go on; hand the value on as an argument'
  }
  if (builtinModules.includes(name.replace(/^node:/, ''))) {
    return 'the guest is not Node.js; docs/apps.md lists what it has'
  }
  const isPackage = /^(@[\w.-]+\/)?[\w-][\w.-]*/.exec(name)?.[0]
  return isPackage === undefined
    ? 'there is no such file'
    : `npm install ${isPackage}, in the app's folder`
}
