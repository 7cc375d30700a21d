/** An app that listens only after its top-level code has waited. */
export default {
  fetch: () => new Response('late but here\n'),
}

await new Promise((resolve) => setTimeout(resolve, 500))
