/**
 * `struct virtio_console_control`, by which driver and device talk about ports (virtio 1.4
 * §5.3.6.2).
 */

/** le32 id, le16 event, le16 value. */
export const CONTROL_BYTES = 8

export const ControlEvent = {
  /** From the driver: "ready to receive control messages". */
  DeviceReady: 0,
  /** "Sent by the device, to create a new port." */
  DeviceAdd: 1,
  DeviceRemove: 2,
  /** From the driver, in answer to DeviceAdd: 1 = the port is ready, 0 = it is not. */
  PortReady: 3,
  ConsolePort: 4,
  Resize: 5,
  /** From either side: 0 = closed, 1 = open. */
  PortOpen: 6,
  /** "immediately followed by the UTF-8 name of the port". */
  PortName: 7,
} as const
export type ControlEvent = (typeof ControlEvent)[keyof typeof ControlEvent]

export interface ControlMessage {
  port: number
  event: number
  value: number
  /** The rest of the buffer as text, one character a byte; the empty string when there is none. */
  text: string
}

export function writeControl(
  view: DataView,
  offset: number,
  port: number,
  event: ControlEvent,
  value: number,
): void {
  view.setUint32(offset, port, true)
  view.setUint16(offset + 4, event, true)
  view.setUint16(offset + 6, value, true)
}

/**
 * Reads a message of `lengthBytes`, which the caller has checked to lie in the view; null when it
 * is too short.
 */
export function readControl(
  view: DataView,
  offset: number,
  lengthBytes: number,
): ControlMessage | null {
  if (lengthBytes < CONTROL_BYTES) return null
  let text = ''
  for (let at = CONTROL_BYTES; at < lengthBytes; at++) {
    const byte = view.getUint8(offset + at)
    // "(without a NUL terminator)", but QEMU sends one.
    if (byte === 0) break
    text += String.fromCharCode(byte)
  }
  return {
    port: view.getUint32(offset, true),
    event: view.getUint16(offset + 4, true),
    value: view.getUint16(offset + 6, true),
    text,
  }
}
