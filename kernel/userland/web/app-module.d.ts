/** The entry file of the app that the build bundles. */
declare module 'eremite:app' {
  const app: unknown
  export default app
}
