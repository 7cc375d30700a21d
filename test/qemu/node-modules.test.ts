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

test('modules of Node.js, Buffer, byte streams and channels do in a guest what they do elsewhere', async ({
  launchGuest,
}) => {
  const vm = await launchGuest({ initrd: await buildApp('node-modules.ts') })
  await awaitReady(vm)
  const answer = await fetch(`http://127.0.0.1:${await vm.forwardedPort(80)}/`)
  expect(await answer.json()).toEqual({
    ...{ heard: [1, 2], detail: 7, isEvent: true, random: 32, isSame: true },
    ...{
      text: 'hello',
      isSameBuffer: true,
      byob: [
        [1, 2, 3],
        [4, 5],
      ],
      user: '7',
      sent: [1],
    },
    ...{
      here: ['/app.js', '/', '/b', '/c'],
      ...{ halves: ['', 'ä'], order: ['immediate'], shown: '{ a: 1 }' },
      ...{ isSameUrl: true, isSameProcess: true },
    },
    digest: createHash('sha256').update('abc').digest('hex'),
    hmac: createHmac('sha512', 'key').update('abc').digest('base64url'),
    uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
  })
})
