/** Answers at once, after a millisecond or two of work, as a template takes. */
export default {
  fetch(request: Request): Response {
    if (request.url.endsWith('/quick')) return new Response('hello')
    let sum = 0
    for (let turn = 0; turn < 3000; turn++) sum = (sum + turn) | 0
    return new Response(`${sum}`)
  },
}
