/** MessageChannel and BroadcastChannel (HTML §9.4, §9.5), compared with Node's. */
import { describe, expect, it } from 'vitest'
import { BroadcastChannel as OurBroadcast } from '../../../../../kernel/userland/web/broadcast-channel.ts'
import {
  MessageChannel as OurChannel,
  MessagePort as OurPort,
} from '../../../../../kernel/userland/web/message-channel.ts'
import { structuredClone as ourClone } from '../../../../../kernel/userland/web/structured-clone.ts'

interface Kit {
  readonly Channel: typeof MessageChannel
  readonly Broadcast: typeof BroadcastChannel
  readonly clone: typeof structuredClone
}
const OURS = { Channel: OurChannel, Broadcast: OurBroadcast, clone: ourClone } as unknown as Kit
const NODES: Kit = {
  ...{ Channel: MessageChannel, Broadcast: BroadcastChannel, clone: structuredClone },
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 30))

/** What `work` notes, which is the same with ours and with Node's. */
async function compare(
  work: (kit: Kit, note: (value: unknown) => void) => Promise<void> | void,
): Promise<unknown[]> {
  const results: unknown[][] = []
  for (const kit of [OURS, NODES]) {
    const notes: unknown[] = []
    await work(kit, (value) => notes.push(value))
    await settle()
    results.push(notes)
  }
  expect(results[0]).toEqual(results[1])
  return results[0]!
}

function nameOf(work: () => unknown): string {
  try {
    work()
    return 'nothing'
  } catch (error) {
    return (error as Error).name
  }
}

describe('a MessageChannel', () => {
  it('carries clones in order, each in a turn of its own, and not at once', async () => {
    const heard = await compare(({ Channel }, note) => {
      const { port1, port2 } = new Channel()
      const sent = { list: [1, new Date(0)], map: new Map([[1, 'a']]) }
      port1.postMessage(sent)
      sent.list.push(2)
      port1.postMessage('second')
      port2.onmessage = ({ data }) => {
        note(data)
        void Promise.resolve().then(() => note('then'))
      }
      note('posted')
      setTimeout(() => port2.close(), 20)
    })
    expect(heard).toEqual([
      'posted',
      { list: [1, new Date(0)], map: new Map([[1, 'a']]) },
      ...['then', 'second', 'then'],
    ])
  })

  it('keeps what comes until it is started, which onmessage does and a listener does not', async () => {
    // §9.4.4; Node starts with the listener.
    const { port1, port2 } = new OurChannel()
    const heard: unknown[] = []
    port2.addEventListener('message', (event) =>
      heard.push((event as unknown as MessageEvent).data),
    )
    port1.postMessage('kept')
    await settle()
    expect(heard).toEqual([])
    port2.start()
    await settle()
    expect(heard).toEqual(['kept'])
  })

  it('moves a port, with what waits in it', async () => {
    const notes: unknown[] = []
    await compare(async ({ Channel }, done) => {
      const note = (value: unknown) => void (Channel === OURS.Channel && notes.push(value))
      const outer = new Channel()
      const inner = new Channel()
      inner.port1.postMessage('waiting')
      outer.port2.onmessage = ({ data, ports }) => {
        note([ports.length, data.port === ports[0]])
        ports[0]!.onmessage = (event) => note(event.data)
        ports[0]!.postMessage('back')
      }
      inner.port1.onmessage = ({ data }) => note(data)
      outer.port1.postMessage({ port: inner.port2 }, [inner.port2])
      note(nameOf(() => outer.port1.postMessage(0, [inner.port2])))
      await settle()
      inner.port1.postMessage('more')
      await settle()
      for (const port of [inner.port1, outer.port1, outer.port2]) port.close()
      done('done')
    })
    // Who is first of two that are on their way to different ports, nothing says.
    expect(notes.slice(0, 2)).toEqual(['DataCloneError', [1, true]])
    expect(notes.slice(2).sort()).toEqual(['back', 'more', 'waiting'])
  })

  it.each([
    ['a function', (kit: Kit) => new kit.Channel().port1.postMessage(() => 0)],
    [
      'a port that is not transferred',
      (kit: Kit) => {
        const { port1, port2 } = new kit.Channel()
        port1.postMessage({ port2 })
      },
    ],
    [
      'itself',
      (kit: Kit) => {
        const { port1 } = new kit.Channel()
        port1.postMessage(0, [port1])
      },
    ],
    [
      'one thing twice',
      (kit: Kit) => {
        const buffer = new ArrayBuffer(1)
        kit.clone(buffer, { transfer: [buffer, buffer] })
      },
    ],
  ])('refuses to send %s', async (_what, work) => {
    expect(nameOf(() => work(OURS))).toBe('DataCloneError')
    // Node has a TypeError for one of them.
    expect(nameOf(() => work(NODES))).toMatch(/^(DataCloneError|TypeError)$/)
  })

  it('copies a buffer that is transferred, since nothing here can detach it', () => {
    const buffer = new Uint8Array([1, 2]).buffer
    const clone = ourClone({ buffer }, { transfer: [buffer] })
    new Uint8Array(clone.buffer)[0] = 9
    expect([...new Uint8Array(buffer)]).toEqual([1, 2])
  })

  it('carries nothing once a port is closed', async () => {
    const { port1, port2 } = new OurChannel()
    const heard: unknown[] = []
    port2.onmessage = ({ data }) => heard.push(data)
    port1.postMessage('on its way')
    port1.close()
    port1.postMessage('too late')
    port2.postMessage('to nobody')
    await settle()
    expect(heard).toEqual(['on its way'])
    expect(port1).toBeInstanceOf(OurPort)
  })
})

describe('a BroadcastChannel', () => {
  it('is heard by all others of its name, in clones of their own', async () => {
    const heard = await compare(async ({ Broadcast }, note) => {
      const [one, two, three] = [new Broadcast('a'), new Broadcast('a'), new Broadcast('a')]
      const other = new Broadcast('b')
      for (const channel of [one, two, three, other]) {
        channel.onmessage = (event) => {
          const { data } = event as unknown as { data: { list: number[] } }
          note([channel === one, channel === other, data.list.push(9)])
        }
      }
      one.postMessage({ list: [1] })
      await settle()
      three.close()
      note(nameOf(() => three.postMessage(1)))
      one.postMessage({ list: [] })
      await settle()
      for (const channel of [one, two, other]) channel.close()
    })
    expect(heard).toEqual([
      [false, false, 2],
      [false, false, 2],
      'InvalidStateError',
      [false, false, 1],
    ])
  })
})
