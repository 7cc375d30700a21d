/** Packages for many places import modules of Node.js: what there is of them works in a guest. */
import { createHash, createHmac } from 'node:crypto'
import { expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80 }] }],
})

test('node:crypto, node:events and EventTarget do in a guest what they do elsewhere', async ({
  launchGuest,
}) => {
  const vm = await launchGuest({ initrd: await buildApp('node-modules.ts') })
  await awaitReady(vm)
  const answer = await fetch(`http://127.0.0.1:${await vm.forwardedPort(80)}/`)
  expect(await answer.json()).toEqual({
    ...{ heard: [1, 2], detail: 7, isEvent: true, random: 16, isSame: true },
    digest: createHash('sha256').update('abc').digest('hex'),
    hmac: createHmac('sha512', 'key').update('abc').digest('base64url'),
    uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
  })
})
