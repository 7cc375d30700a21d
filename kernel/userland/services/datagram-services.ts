/** Echo, discard and chargen over UDP (RFC 862, 863, 864), and to whom they must not answer. */
import type {
  OfferedDatagram,
  UdpSocket,
  UdpSocketHandler,
} from '../../../net/socket/udp/udp-socket.ts'
import { makeLines } from './chargen.ts'

/** RFC 864: "a random number (between 0 and 512) of characters". */
const MAX_CHARACTERS = 512

/**
 * A source address is easily forged: a datagram to echo that seems to come from somebody's chargen,
 * or from another echo, starts an exchange without end (CVE-1999-0103). So datagrams from the ports
 * of services that answer whatever they are sent are ignored, as inetd does; those from port 0, to
 * which nothing can be sent (RFC 768); and those to a group, whose members would all answer.
 */
function mustNotAnswer(sourcePort: number, toGroup: boolean): boolean {
  if (toGroup) return true
  switch (sourcePort) {
    case 0:
    case 7: // echo
    case 9: // discard
    case 11: // systat
    case 13: // daytime
    case 17: // quote of the day
    case 19: // chargen
    case 37: // time
      return true
    default:
      return false
  }
}

function echo(socket: UdpSocket): void {
  for (let datagram = socket.peek(); datagram !== null; datagram = socket.peek()) {
    // A full send queue leaves it in the receive queue, whose limit then drops what is too much.
    if (
      !mustNotAnswer(datagram.sourcePort, datagram.toGroup) &&
      !socket.reply(datagram.bytes, datagram.offset, datagram.length)
    ) {
      return
    }
    socket.consume()
  }
}

export const ECHO_DATAGRAMS: UdpSocketHandler = {
  offerDatagram(
    socket: UdpSocket,
    { bytes, offset, length, sourcePort, toGroup }: OfferedDatagram,
  ) {
    return mustNotAnswer(sourcePort, toGroup) || socket.answer(bytes, offset, length)
  },
  onReadable: echo,
  onWritable: echo,
}

export const DISCARD_DATAGRAMS: UdpSocketHandler = {
  offerDatagram: () => true,
  onReadable(socket) {
    while (socket.receivedCount() > 0) socket.consume()
  },
}

/** Made at the first question. */
let lines: Uint8Array | null = null

function generate(socket: UdpSocket): void {
  if (lines === null) lines = makeLines()
  for (let datagram = socket.peek(); datagram !== null; datagram = socket.peek()) {
    if (!mustNotAnswer(datagram.sourcePort, datagram.toGroup)) {
      const length = Math.floor(Math.random() * (MAX_CHARACTERS + 1))
      if (!socket.reply(lines, 0, length)) return
    }
    socket.consume()
  }
}

export const CHARGEN_DATAGRAMS: UdpSocketHandler = { onReadable: generate, onWritable: generate }
