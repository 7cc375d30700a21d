/**
 * How many bytes of a connection go in one frame: as many as may be cut below TCP, or one segment.
 */
import type { Egress } from '../../../iface/protocol-handler.ts'
import { TCP_HEADER_LENGTH } from '../../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../../wire/tcp-options.ts'
import type { TransmissionControlBlock } from '../transmission-control-block.ts'

/** After a change of what it depends on; the segment size is known. */
export function planFrames(socket: TransmissionControlBlock, egress: Egress): void {
  const optionsLength = socket.hasTimestamps ? TCP_TIMESTAMPS_LENGTH : 0
  const headerLength = TCP_HEADER_LENGTH + optionsLength
  const { flow, segmentSize } = socket
  const isCut = socket.segmentationOffload && flow !== null
  const limit = isCut ? egress.superSegmentLimit(flow, headerLength) : 0
  // Of whole segments: what is lent in frames as long as that lies in one place.
  socket.frameLimit = Math.max(limit - (limit % segmentSize), segmentSize)
}
