/**
 * Takes memory back from connections that have nothing in it any more, and tells those that wait
 * for some.
 */
import { releaseAcknowledged } from '../send/send-buffer-release.ts'
import { isQuiet } from '../send/send-room.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import type { SocketMemory } from './socket-memory.ts'

/**
 * Memory that was empty all this time goes back: neither a bulk stream nor a loop of requests pays
 * for taking it anew.
 */
const IDLE_MS = 1_000
/**
 * Under pressure empty memory goes back whatever was in it before; as often as thousands of
 * connections may be looked at.
 */
const PRESSED_INTERVAL_MS = 100
/** Who waits for memory is told as it comes back, so many a turn. */
const WOKEN_A_TURN = 16

export class MemorySweep {
  private readonly memory: SocketMemory
  private idleDueMs = 0

  constructor(memory: SocketMemory) {
    this.memory = memory
  }

  /**
   * Looks at all that hold memory, if it is time; to be called when memory.sweepDueMs has come,
   * which it sets.
   */
  run(nowMs: number): void {
    const { memory } = this
    memory.isReclaimed = false
    const isIdleDue = nowMs >= this.idleDueMs
    if (isIdleDue) {
      this.idleDueMs = nowMs + IDLE_MS
      memory.refresh()
    } else if (memory.pool.isDraining) {
      memory.collectDrained()
    }
    if (isIdleDue || memory.isPressed) {
      for (const socket of memory.holders) {
        // What the device has let go of meanwhile nobody else may look at again.
        if (socket.isReleaseDue) releaseAcknowledged(socket, nowMs)
        sweepSocket(memory, socket)
      }
    }
    if (memory.isSettled) memory.sweepDueMs = Number.POSITIVE_INFINITY
    else memory.sweepDueMs = memory.isPressed ? nowMs + PRESSED_INTERVAL_MS : this.idleDueMs
  }

  /** Tells some of those that wait for memory to try again. */
  wakeWaiting(): void {
    for (const socket of this.memory.waiting.take(WOKEN_A_TURN)) {
      if (!socket.isShortOfMemory) continue
      socket.isShortOfMemory = false
      socket.isWriteBlocked = false
      socket.events |= SocketEvent.Writable
      socket.host.scheduler.wake(socket)
    }
  }
}

function sweepSocket(memory: SocketMemory, socket: TcpSocket): void {
  const { sendBuffer, receiveBuffer } = socket
  const { end } = sendBuffer
  const { start } = receiveBuffer
  const isSendIdle = socket.sweptSendEnd === end
  const isReceiveIdle = socket.sweptReadPosition === start
  socket.sweptSendEnd = end
  socket.sweptReadPosition = start
  if (sendBuffer.start === end && (isSendIdle || memory.isPressed)) memory.releaseSend(socket)
  if (socket.receivedLength === 0 && (isReceiveIdle || memory.isPressed)) {
    releaseEmpty(memory, socket)
  }
  const isEmpty = sendBuffer.capacity === 0 && receiveBuffer.capacity === 0
  if (isEmpty && isSendIdle && isReceiveIdle && !socket.isReady && isQuiet(socket)) {
    memory.dismiss(socket)
  }
}

/**
 * Nothing waits to be read; what is out of order is the peer's to keep until it is acknowledged
 * (RFC 2018 §8).
 */
function releaseEmpty(memory: SocketMemory, socket: TcpSocket): void {
  const { assembler } = socket
  if (assembler !== null && assembler.rangeCount > 0) {
    if (!memory.isPressed) return
    assembler.clear()
    socket.host.countDrop('outOfOrderPruned')
  }
  memory.releaseReceive(socket)
}
