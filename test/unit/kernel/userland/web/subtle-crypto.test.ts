/** crypto.subtle against Node's (Web Cryptography §14, §29, §30). */
import { randomBytes, webcrypto } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CryptoKey as OurKey } from '../../../../../kernel/userland/web/crypto-key.ts'
import { useHashNatives } from '../../../../../kernel/userland/web/hash.ts'
import { SubtleCrypto } from '../../../../../kernel/userland/web/subtle-crypto.ts'
import { hashNatives } from '../../../../support/hash-natives.ts'

useHashNatives(hashNatives)
const subtle = new SubtleCrypto() as unknown as webcrypto.SubtleCrypto
const BOTH = [subtle, webcrypto.subtle] as const
const HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const

const hex = (buffer: ArrayBuffer) => Buffer.from(buffer).toString('hex')
const secret = Buffer.from('a secret of some length')

/** What a key shows, or what `work` throws. */
async function facts(work: Promise<unknown>): Promise<unknown> {
  try {
    const value = await work
    if (value instanceof ArrayBuffer) return hex(value)
    if (typeof value !== 'object' || value === null || !('usages' in value)) return value
    const { type, extractable, algorithm, usages } = value as webcrypto.CryptoKey
    return { type, extractable, algorithm, usages: [...usages], tag: String(value) }
  } catch (error) {
    // Node 20 has a name of its own for this one.
    return (error as Error).name.replace('InvalidAccessException', 'InvalidAccessError')
  }
}

async function compare(work: (it: webcrypto.SubtleCrypto) => Promise<unknown>): Promise<unknown> {
  const [ours, nodes] = await Promise.all(BOTH.map((it) => facts(work(it))))
  expect(ours).toEqual(nodes)
  return ours
}

describe('digest', () => {
  it.each(HASHES)('%s is that of Node at every length around a block', async (name) => {
    for (const length of [
      0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 16_384, 16_385, 50_000,
    ]) {
      const bytes = randomBytes(length)
      await compare((it) => it.digest(name, bytes))
    }
  })

  it.each([
    ['sha-256'],
    [{ name: 'Sha-1' }],
    ['MD5'],
    ['SHA3-256'],
    ['HMAC'],
    [{}],
    [undefined],
    [{ name: 'toString' }],
  ] as [never][])('%j is taken or refused as in Node', async (algorithm) => {
    await compare((it) => it.digest(algorithm, Buffer.from('x')))
  })

  it('takes buffers and views, and nothing else', async () => {
    await compare((it) => it.digest('SHA-1', new Uint8Array([1, 2]).buffer))
    await compare((it) => it.digest('SHA-1', new DataView(new Uint8Array([1, 2, 3]).buffer, 1)))
    await compare((it) => it.digest('SHA-1', 'text' as never))
    const bytes = new Uint8Array(40_000)
    const digesting = subtle.digest('SHA-1', bytes)
    bytes.fill(1)
    expect(hex(await digesting)).toBe(
      hex(await webcrypto.subtle.digest('SHA-1', new Uint8Array(40_000))),
    )
  })

  it('refuses by name what it does not know', async () => {
    await expect(subtle.digest('MD5', secret)).rejects.toThrow(/digest by MD5: there are SHA-1/)
  })
})

describe('HMAC', () => {
  it.each(HASHES)('with %s signs and verifies as Node does', async (hash) => {
    for (const length of [1, 63, 64, 65, 127, 128, 129, 200]) {
      const raw = randomBytes(length)
      const data = randomBytes(20_000)
      const sign = async (it: webcrypto.SubtleCrypto) => {
        const key = await it.importKey('raw', raw, { name: 'HMAC', hash }, false, [
          'sign',
          'verify',
        ])
        return it.sign('HMAC', key, data)
      }
      await compare(sign)
      const signature = await sign(subtle)
      const key = await subtle.importKey(
        'raw',
        raw,
        { name: 'hmac', hash: { name: hash } },
        false,
        ['verify'],
      )
      expect(await subtle.verify({ name: 'HMAC' }, key, signature, data)).toBe(true)
      const bytes = new Uint8Array(signature)
      bytes[bytes.length - 1]! ^= 1
      expect(await subtle.verify('HMAC', key, bytes, data)).toBe(false)
      expect(await subtle.verify('HMAC', key, bytes.subarray(1), data)).toBe(false)
      data[0]! ^= 1
      expect(await subtle.verify('HMAC', key, signature, data)).toBe(false)
    }
  })

  const HS256 = { name: 'HMAC', hash: 'SHA-256' }
  const jwk = { kty: 'oct', k: 'c2VjcmV0LV8', alg: 'HS256', key_ops: ['sign', 'verify'], ext: true }
  it.each([
    ['raw', secret, HS256, true, ['sign', 'verify']],
    ['raw', secret, HS256, false, ['sign']],
    ['raw', secret, HS256, false, []],
    ['raw', secret, HS256, false, ['encrypt']],
    ['raw', secret, HS256, false, ['nonsense']],
    ['raw', secret, 'HMAC', false, ['sign']],
    ['raw', secret, { name: 'HMAC', hash: 'MD5' }, false, ['sign']],
    ['raw', Buffer.alloc(0), HS256, false, ['sign']],
    ['raw', secret, { ...HS256, length: 184 }, true, ['sign']],
    ['raw', secret, { ...HS256, length: 8 }, true, ['sign']],
    ['raw', secret, { ...HS256, length: 185 }, true, ['sign']],
    ['raw', 'text', HS256, true, ['sign']],
    ['jwk', jwk, HS256, true, ['sign', 'verify']],
    ['jwk', jwk, HS256, true, ['sign']],
    ['jwk', { ...jwk, key_ops: ['verify'] }, HS256, true, ['sign']],
    ['jwk', { ...jwk, key_ops: ['sign', 'sign'] }, HS256, true, ['sign']],
    ['jwk', { ...jwk, alg: 'HS512' }, HS256, true, ['sign']],
    ['jwk', { ...jwk, alg: 'HS512' }, { name: 'HMAC', hash: 'SHA-512' }, true, ['sign']],
    ['jwk', { ...jwk, kty: 'RSA' }, HS256, true, ['sign']],
    ['jwk', { ...jwk, use: 'enc' }, HS256, true, ['sign']],
    ['jwk', { ...jwk, use: 'sig' }, HS256, true, ['sign']],
    ['jwk', { ...jwk, ext: false }, HS256, true, ['sign']],
    ['jwk', { ...jwk, ext: false }, HS256, false, ['sign']],
    ['jwk', { kty: 'oct' }, HS256, true, ['sign']],
    ['jwk', { kty: 'oct', k: 'AA' }, HS256, true, ['sign']],
  ] as [never, never, never, boolean, never[]][])(
    'key of %s %o for %j, extractable %j, usages %j is imported as in Node',
    async (format, data, algorithm, extractable, usages) => {
      await compare((it) => it.importKey(format, data, algorithm, extractable, usages))
      for (const exported of ['raw', 'jwk'] as const) {
        await compare(async (it) => {
          const key = await it.importKey(format, data, algorithm, extractable, usages)
          return it.exportKey(exported as 'raw', key)
        })
      }
    },
  )

  it.each([
    [HS256, ['sign']],
    [{ name: 'HMAC', hash: 'SHA-1' }, ['sign', 'verify']],
    [{ name: 'HMAC', hash: 'SHA-512' }, ['verify']],
    [{ ...HS256, length: 8 }, ['sign']],
    [{ ...HS256, length: 0 }, ['sign']],
    [HS256, []],
    [HS256, ['decrypt']],
  ] as [webcrypto.HmacKeyGenParams, never[]][])(
    'key is generated for %j and %j as in Node',
    async (algorithm, usages) => {
      await compare((it) => it.generateKey(algorithm, true, usages))
    },
  )

  it('goes by the standard where Node 20 does not (Web Cryptography §14.3.9, §29.7)', async () => {
    const cut = await subtle.importKey('raw', secret, { ...HS256, length: 180 }, true, ['sign'])
    const whole = secret.subarray(0, 22).toString('hex')
    expect(hex(await subtle.exportKey('raw', cut))).toBe(`${whole}${'60'}`)
    const usages = ['verify', 'sign', 'sign'] as const
    const key = await subtle.importKey('raw', secret, HS256, true, [...usages])
    expect(key.usages).toEqual(['sign', 'verify'])
    expect(await facts(subtle.importKey('jwk', secret as never, HS256, true, ['sign']))).toBe(
      'TypeError',
    )
    const odd = await subtle.generateKey({ ...HS256, length: 9 }, true, ['sign'])
    expect(new Uint8Array(await subtle.exportKey('raw', odd as never))[1]! & 0x7f).toBe(0)
  })

  it('makes keys that differ', async () => {
    const make = async () =>
      hex(await subtle.exportKey('raw', (await subtle.generateKey(HS256, true, ['sign'])) as never))
    expect(await make()).not.toBe(await make())
  })

  it('keeps to what a key is for', async () => {
    const importing = (it: webcrypto.SubtleCrypto, usage: 'sign' | 'verify') =>
      it.importKey('raw', secret, HS256, false, [usage])
    await compare(async (it) => it.sign('HMAC', await importing(it, 'verify'), secret))
    await compare(async (it) => it.verify('HMAC', await importing(it, 'sign'), secret, secret))
    await compare(async (it) => it.exportKey('raw', await importing(it, 'sign')))
    expect(await facts(subtle.sign('HMAC', {} as never, secret))).toBe('TypeError')
  })

  it('hides what is in a key', async () => {
    const key = await subtle.importKey('raw', secret, HS256, false, ['sign'])
    expect(key).toBeInstanceOf(OurKey)
    expect(JSON.stringify([key, Object.entries(key)])).not.toContain('115')
    expect(() => new (OurKey as unknown as new () => unknown)()).toThrow(TypeError)
  })
})

describe('any other algorithm', () => {
  it.each([
    ['importKey', ['raw', secret, 'AES-GCM', false, ['encrypt']], /AES-GCM/],
    [
      'importKey',
      ['spki', secret, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']],
      /RSASSA/,
    ],
    ['generateKey', [{ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']], /ECDSA/],
    ['sign', [{ name: 'Ed25519' }, {}, secret], /Ed25519/],
    ['verify', ['RSA-PSS', {}, secret, secret], /RSA-PSS/],
    ['encrypt', [{ name: 'AES-CBC' }, {}, secret], /AES-CBC/],
    ['decrypt', ['AES-CTR', {}, secret], /AES-CTR/],
    ['deriveBits', [{ name: 'PBKDF2' }, {}, 8], /PBKDF2/],
    ['deriveKey', [{ name: 'HKDF' }, {}, 'HMAC', false, []], /HKDF/],
    ['wrapKey', ['raw', {}, {}, 'AES-KW'], /AES-KW/],
    ['unwrapKey', ['raw', secret, {}, 'AES-KW', 'HMAC', false, []], /AES-KW/],
    ['importKey', ['pkcs8', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']], /pkcs8/],
  ])('of %s is refused by name', async (method, values, name) => {
    const call = (subtle as unknown as Record<string, (...it: unknown[]) => Promise<unknown>>)[
      method
    ]!
    const error = await call.apply(subtle, values).catch((it: unknown) => it as Error)
    expect(error).toMatchObject({ name: 'NotSupportedError', message: expect.stringMatching(name) })
  })
})
