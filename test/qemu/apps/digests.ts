/**
 * Hashes what it is sent: `/SHA-256`, or `/SHA-256/key` for an HMAC; `X-Milliseconds` says how long
 * that took.
 */
const hex = (bytes: ArrayBuffer) =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')

async function hash(name: string, key: string | undefined, content: ArrayBuffer): Promise<string> {
  const { subtle } = crypto
  if (key === undefined) return hex(await subtle.digest(name, content))
  const algorithm = { name: 'HMAC', hash: name }
  const raw = new TextEncoder().encode(key)
  const secret = await subtle.importKey('raw', raw, algorithm, false, ['sign', 'verify'])
  const signature = await subtle.sign('HMAC', secret, content)
  if (!(await subtle.verify('HMAC', secret, signature, content))) throw new Error('not verified')
  new Uint8Array(signature)[0]! ^= 1
  if (await subtle.verify('HMAC', secret, signature, content)) throw new Error('verified')
  new Uint8Array(signature)[0]! ^= 1
  return hex(signature)
}

export default {
  async fetch(request: Request): Promise<Response> {
    const [, name, key] = new URL(request.url).pathname.split('/')
    const content = await request.arrayBuffer()
    const start = performance.now()
    const text = await hash(name!, key, content)
    const headers = { 'X-Milliseconds': (performance.now() - start).toFixed(2) }
    return new Response(text, { headers })
  },
}
