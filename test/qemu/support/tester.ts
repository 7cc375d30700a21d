/**
 * The test as a machine on the guest's LAN: it answers who looks for its addresses, sends frames,
 * and waits for those that come back.
 */
import type { Lan } from 'qemu-runner'
import {
  arpReply,
  arpRequest,
  neighborAdvertisement,
  neighborSolicitation,
  TESTER_MAC,
} from './frames.ts'

/** Long enough for an answer under TCG on a busy machine. */
const ANSWER_MS = 15_000
const IPV6 = '86dd'
const NEIGHBOR_SOLICITATION = '87'
/** The last octets of the tester's addresses, 10.0.0.9 and fd00::9. */
const TESTER4_END = '0a000009'
const TESTER6_END = '0009'

export class Tester {
  /** Where the tester is: answers come from there. */
  home = TESTER_MAC
  private readonly lan: Lan

  constructor(lan: Lan) {
    this.lan = lan
    lan.onFrame((frame) => this.answerNeighbor(frame.toString('hex')))
  }

  /**
   * The guest learns the tester's hardware address from its questions; resolves once it has
   * answered them.
   */
  async introduce(): Promise<void> {
    const isArpReply = (frame: Buffer): boolean => frame.toString('hex', 20, 22) === '0002'
    const isAdvertisement = (frame: Buffer): boolean => frame[20] === 58 && frame[54] === 136
    for (const [question, answers] of [
      [arpRequest(), isArpReply],
      [neighborSolicitation(), isAdvertisement],
    ] as const) {
      const answer = await this.ask(question, answers)
      if (answer === undefined) throw new Error('Cannot begin: the guest answers no question')
    }
  }

  send(frame: Buffer): void {
    this.lan.send(frame)
  }

  /** Calls `listener` for each frame of the guest from now on; returns what ends that. */
  onFrame(listener: (frame: Buffer) => void): () => void {
    return this.lan.onFrame(listener)
  }

  /**
   * Sends, then gives each frame to `take` until it returns something; undefined after `waitMs`.
   */
  hear<T>(
    frames: readonly Buffer[],
    take: (frame: Buffer) => T | undefined,
    waitMs = ANSWER_MS,
  ): Promise<T | undefined> {
    return new Promise((resolve) => {
      const settle = (answer: T | undefined): void => {
        clearTimeout(timer)
        off()
        resolve(answer)
      }
      const timer = setTimeout(() => settle(undefined), waitMs)
      const off = this.onFrame((frame) => {
        const answer = take(frame)
        if (answer !== undefined) settle(answer)
      })
      for (const frame of frames) this.send(frame)
    })
  }

  /** Sends and waits for the first frame that `matches`; undefined after `waitMs`. */
  ask(
    frame: Buffer,
    matches: (frame: Buffer) => boolean,
    waitMs?: number,
  ): Promise<Buffer | undefined> {
    return this.hear([frame], (answer) => (matches(answer) ? answer : undefined), waitMs)
  }

  private answerNeighbor(text: string): void {
    const asksIpv4 = text.startsWith('0806', 24) && text.startsWith('0001', 40)
    if (asksIpv4 && text.startsWith(TESTER4_END, 76)) this.send(arpReply(this.home))
    const asksIpv6 = text.startsWith(IPV6, 24) && text.startsWith(NEIGHBOR_SOLICITATION, 108)
    if (asksIpv6 && text.slice(124, 156).endsWith(TESTER6_END)) {
      this.send(neighborAdvertisement(this.home))
    }
  }
}
