/** Says what it is asked to, each level once, an object, and more lines than one. */
console.info('started', { a: [1] })

export default {
  fetch(request: Request): Response {
    const { pathname } = new URL(request.url)
    console.warn(`asked for ${pathname}`)
    console.error('two\nlines, grüße')
    console.debug('only here')
    return new Response('said')
  },
}
