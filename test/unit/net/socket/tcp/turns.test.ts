/**
 * Whose turn it is when many want to send: in order, so many before received frames have theirs,
 * and none twice before another.
 */
import { describe, expect, it } from 'vitest'
import { TcpScript } from '../../../../support/tcp-script.ts'

function connectMany(script: TcpScript, count: number): number[] {
  const { tcp, peer, nowMs } = script
  return Array.from(
    { length: count },
    (_, index) => tcp.connect({ address: peer, port: 1000 + index }, nowMs).localPort,
  )
}

const portsOf = (script: TcpScript) => script.drain().map(({ sourcePort }) => sourcePort)

describe('sockets that are ready', () => {
  it('have their turn in rounds of 64, so that received frames have theirs between', () => {
    const script = new TcpScript()
    const ports = connectMany(script, 150)
    expect(portsOf(script)).toEqual(ports.slice(0, 64))
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(script.nowMs)
    expect(portsOf(script)).toEqual(ports.slice(64, 128))
    expect(portsOf(script)).toEqual(ports.slice(128))
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBeGreaterThan(script.nowMs)
  })

  it('keep their order when the device is full, before those that come later', () => {
    const script = new TcpScript()
    const first = connectMany(script, 20)
    script.isDeviceFull = true
    for (let turn = 0; turn < 3; turn++) script.expectSilence()
    const second = Array.from(
      { length: 5 },
      (_, index) =>
        script.tcp.connect({ address: script.peer, port: 2000 + index }, script.nowMs).localPort,
    )
    script.isDeviceFull = false
    expect(portsOf(script)).toEqual([...first, ...second])
  })
})
