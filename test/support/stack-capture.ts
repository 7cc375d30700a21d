/**
 * A capture on the device of a stack under test: the writer and commentator of the guest, read back
 * as packets.
 */
import type { Stack } from '../../net/api/stack.ts'
import { INTERNAL_WAY } from '../../net/capture/internal-way.ts'
import { openPcapng, type PcapngWriter } from '../../net/capture/pcapng-writer.ts'
import { StackCommentator } from '../../net/capture/stack-commentator.ts'
import type { NetDevice } from '../../net/phy/net-device.ts'
import { testBulk } from './memory.ts'
import { MemoryChannel } from './memory-channel.ts'
import { type PcapngPacket, readPcapng } from './pcapng-reader.ts'

const encoder = new TextEncoder()

export class StackCapture {
  readonly device: PcapngWriter
  private readonly internal: PcapngWriter
  readonly channel = new MemoryChannel()
  private taken = 0

  /** `nowMs` may have fractions. */
  constructor(device: NetDevice, nowMs: () => number) {
    const [writer, internal] = openPcapng({
      devices: [
        { device, description: 'test' },
        { device: INTERNAL_WAY, description: 'test', name: 'lo' },
      ],
      bulk: testBulk,
      channel: this.channel,
      encode: (text, target, offset) => encoder.encodeInto(text, target.subarray(offset)).written,
      nowNs: () => Math.round(nowMs() * 1e6),
      os: 'test',
    })
    this.device = writer!
    this.internal = internal!
  }

  /** The stack that was made on `device`. */
  comment(stack: Stack): void {
    this.device.commentator = new StackCommentator(stack)
    this.internal.commentator = new StackCommentator(stack)
    stack.host.watchInternal(this.internal)
  }

  packets(): PcapngPacket[] {
    return readPcapng(this.channel.file())[0]!.packets
  }

  /** Those recorded since the last call. */
  take(): PcapngPacket[] {
    const packets = this.packets().slice(this.taken)
    this.taken += packets.length
    return packets
  }
}
