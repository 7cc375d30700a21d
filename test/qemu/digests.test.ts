/**
 * crypto.subtle by the guest's natives: hashes and HMAC are those of Node, of nothing, of a block
 * and of a megabyte.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
})

test('digests and HMAC of a guest are those of Node', async ({ launchGuest }) => {
  const vm = await launchGuest({ initrd: await buildApp('digests.ts') })
  await awaitReady(vm)
  const origin = `http://127.0.0.1:${await vm.forwardedPort(80)}`
  const ask = async (path: string, body: Buffer<ArrayBuffer>) => {
    const answer = await fetch(`${origin}/${path}`, { method: 'POST', body: new Blob([body]) })
    return answer.text()
  }
  for (const name of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) {
    const plain = name.replace('-', '').toLowerCase()
    for (const length of [0, 1, 55, 56, 63, 64, 111, 112, 128, 65_536, 1 << 20]) {
      const body = randomBytes(length)
      const digest = await ask(name, body)
      expect(digest, `${name} ${length}`).toBe(createHash(plain).update(body).digest('hex'))
      const key = 'k'.repeat(length % 3 === 0 ? 200 : 10)
      const signed = await ask(`${name}/${key}`, body)
      expect(signed).toBe(createHmac(plain, key).update(body).digest('hex'))
    }
  }
})
