/** An app that joins and leaves groups, and switches receive offloads, as datagrams tell it to. */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listenDatagram, system } from 'eremite'

/** A socket may be in 32 groups. */
const GROUPS_A_SOCKET = 16

const sockets = [5000, 5001, 5002, 5003, 5004].map((port) => listenDatagram({ port }))
let joined: (() => void)[] = []

/** Joins `count` groups of each family, in place of those before. */
function join(count: number): void {
  for (const leave of joined) leave()
  joined = []
  for (let i = 1; i <= count; i++) {
    for (const group of [`239.1.0.${i}`, `ff05::1:${i.toString(16)}`]) {
      const socket = sockets[Math.floor(joined.length / GROUPS_A_SOCKET)]!
      socket.joinGroup(group)
      joined.push(() => socket.leaveGroup(group))
    }
  }
}

const endpoint = listenDatagram({ port: 7777 }, async (bytes, from) => {
  const [word, argument = '', state] = new TextDecoder().decode(bytes).split(' ')
  let said = 'done'
  if (word === 'join') {
    join(Number(argument))
  } else {
    said = await system.switchReceiveOffload(argument, state === 'on').then(
      () => JSON.stringify(system.receiveOffloads()),
      (error: Error) => error.message,
    )
  }
  await endpoint.send(new TextEncoder().encode(said), from)
})
