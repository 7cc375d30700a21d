/**
 * Of large packages what their checks use: imported when it runs, a package would be bundled whole.
 */
export { buildSchema, graphql } from 'graphql'
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
