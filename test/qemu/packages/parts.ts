/**
 * Of large packages what their checks use: imported when it runs, a package would be bundled whole.
 */
export { addDays, formatISO, parseISO } from 'date-fns'
export { buildSchema, graphql } from 'graphql'
export { createSchema, createYoga } from 'graphql-yoga'
export {
  minLength,
  number as valibotNumber,
  object as valibotObject,
  parse,
  pipe,
  safeParse,
  string as valibotString,
} from 'valibot'
export { number, object, string } from 'zod'
