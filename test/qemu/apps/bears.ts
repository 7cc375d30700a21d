/**
 * Does what anybody asks of it with what anybody sends: nothing of that may end the guest, or keep
 * it from others.
 */

export default {
  async fetch(request: Request): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case '/length':
        return new Response(`${(await request.text()).length}`)
      case '/json':
        return new Response(typeof (await request.json()))
      case '/url':
        return new Response(`${new URL(await request.text()).pathname.length}`)
      case '/form':
        return new Response(`${[...(await request.formData()).keys()].length}`)
      case '/logs':
        console.log(await request.json())
        return new Response('logged')
      case '/throws':
        throw {
          get message(): never {
            throw new Error('hostile')
          },
          toString: null,
        }
      default:
        return new Response('hello')
    }
  },
}
