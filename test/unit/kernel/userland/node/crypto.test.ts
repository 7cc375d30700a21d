/** `node:crypto` as apps have it gives what Node's gives. */
import * as nodes from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { hashNatives } from '../../../../support/hash-natives.ts'

vi.mock('eremite', () => ({ system: hashNatives }))
const ours = await import('../../../../../kernel/userland/node/crypto.ts')

it.each(['sha1', 'sha256', 'SHA384', 'sha-512', 'SHA-256'])('%s and HMAC by it', (name) => {
  for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
    for (const text of ['', 'abc', 'grüße '.repeat(40)]) {
      const plain = name.toLowerCase().replace('-', '')
      const pieces = [text, new TextEncoder().encode(text)]
      const mine = ours.createHash(name)
      const theirs = nodes.createHash(plain)
      for (const piece of pieces) {
        mine.update(piece)
        theirs.update(piece)
      }
      expect(mine.digest(encoding)).toBe(theirs.digest(encoding as 'hex'))
      const signed = ours.createHmac(name, 'key').update(text).digest()
      expect(Buffer.from(signed)).toEqual(nodes.createHmac(plain, 'key').update(text).digest())
    }
  }
})

it('reads text in other encodings', () => {
  for (const [text, encoding] of [
    ['00ff7g80', 'hex'],
    ['aGVsbG8=', 'base64'],
    ['-_8', 'base64url'],
    ['ÿa', 'latin1'],
    ['abc', 'ascii'],
    ['grüße', 'UTF-8' as 'utf8'],
    ['00FF', 'HEX' as 'hex'],
  ] as const) {
    expect(ours.createHash('sha256').update(text, encoding).digest('hex')).toBe(
      nodes.createHash('sha256').update(text, encoding).digest('hex'),
    )
  }
})

it('refuses text that it would read wrongly', () => {
  const hash = ours.createHash('sha256')
  expect(() => hash.update('abcd', 'utf16le' as never)).toThrow(/Cannot read text as utf16le/)
  // As Node does.
  expect(() => hash.update('abc', 'hex')).toThrow(TypeError)
  expect(() => nodes.createHash('sha256').update('abc', 'hex')).toThrow(TypeError)
})

it('fills what it is given, an ArrayBuffer too, and only the part that is named', () => {
  const whole = ours.randomFillSync(new ArrayBuffer(64))
  expect(new Uint8Array(whole).some((byte) => byte !== 0)).toBe(true)
  const both = [ours.randomFillSync, nodes.randomFillSync as typeof ours.randomFillSync]
  for (const randomFillSync of both) {
    const words = randomFillSync(new Uint32Array(64), 16, 32)
    expect([...words.subarray(0, 16), ...words.subarray(48)].every((word) => word === 0)).toBe(true)
    expect(words.subarray(16, 48).some((word) => word !== 0)).toBe(true)
    const rest = randomFillSync(new Uint8Array(64), 32)
    expect(rest.subarray(0, 32).every((byte) => byte === 0)).toBe(true)
    expect(rest.subarray(32).some((byte) => byte !== 0)).toBe(true)
    expect(() => randomFillSync(new Uint8Array(8), 4, 5)).toThrow(RangeError)
    expect(() => randomFillSync(new Uint8Array(8), -1)).toThrow(RangeError)
    expect(() => randomFillSync('text' as never)).toThrow(TypeError)
  }
})

it('says what there is when it is asked for another hash, and ends with the digest', () => {
  expect(() => ours.createHash('md5')).toThrow('Cannot hash by md5: there are sha1, sha256')
  expect(ours.getHashes()).toEqual(['sha1', 'sha256', 'sha384', 'sha512'])
  expect(() => ours.createHash('toString')).toThrow(/Cannot hash by/)
  const hash = ours.createHash('sha1')
  hash.digest()
  expect(() => hash.digest()).toThrow(/has been taken/)
  expect(() => hash.update('x')).toThrow(/has been taken/)
})

it('compares, and refuses other lengths', () => {
  const bytes = nodes.randomBytes(32)
  const other = Uint8Array.from(bytes)
  expect(ours.timingSafeEqual(bytes, other)).toBe(true)
  other[31]! ^= 1
  expect(ours.timingSafeEqual(bytes, other)).toBe(false)
  expect(() => ours.timingSafeEqual(bytes, other.subarray(1))).toThrow(RangeError)
  expect(() => ours.timingSafeEqual('abc' as never, 'abc' as never)).toThrow(TypeError)
  expect(ours.timingSafeEqual(Uint8Array.of(7).buffer, Uint8Array.of(7))).toBe(true)
})

it('gives random bytes, numbers and names', async () => {
  const large = ours.randomBytes(200_000)
  expect(large).toHaveLength(200_000)
  expect(new Set(large.subarray(150_000)).size).toBe(256)
  expect(() => ours.randomBytes(-1)).toThrow(RangeError)
  const later = await new Promise<Uint8Array>((resolve) => {
    ours.randomBytes(3, (_, bytes) => resolve(bytes!))
  })
  expect(later).toHaveLength(3)
  const drawn = Array.from({ length: 500 }, () => ours.randomInt(3, 6))
  expect(new Set(drawn)).toEqual(new Set([3, 4, 5]))
  expect(() => ours.randomInt(5, 5)).toThrow(RangeError)
  expect(ours.randomUUID()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/)
})

it('gives Buffers, whose toString knows encodings', () => {
  expect(ours.randomBytes(16).toString('hex')).toMatch(/^[0-9a-f]{32}$/)
  const digest = ours.createHash('sha256').update('abc').digest()
  expect(digest.toString('hex')).toBe(nodes.createHash('sha256').update('abc').digest('hex'))
})

it('has secret keys, and takes none that is meant for another kind', () => {
  const key = ours.createSecretKey('secret')
  expect([key.type, key.symmetricKeySize, key.export().toString()]).toEqual(['secret', 6, 'secret'])
  expect(key.equals(ours.createSecretKey(new TextEncoder().encode('secret')))).toBe(true)
  expect(ours.createHmac('sha256', key).update('x').digest('hex')).toBe(
    nodes.createHmac('sha256', 'secret').update('x').digest('hex'),
  )
  const pem = nodes.generateKeyPairSync('ec', {
    ...{ namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' } },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).publicKey
  const long = 'An explanation.\n'.repeat(1000)
  for (const text of [pem, `${long}${pem}`, Buffer.from(pem)]) {
    expect(() => ours.createSecretKey(text)).toThrow('no RSA and elliptic curves')
  }
  for (const name of [
    'createPublicKey',
    'createPrivateKey',
    'createSign',
    'createVerify',
  ] as const) {
    expect(() => ours[name]()).toThrow('only HMAC')
  }
  expect(() => ours.createSecretKey({} as never)).toThrow(TypeError)
})
