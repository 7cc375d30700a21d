/** A device that passes everything on to another: the base of devices that watch or disturb the traffic. */
import type { DeviceCapabilities, NetDevice, ReceivedFrame, TransmitFrame } from './net-device.ts'

export class DeviceMiddleware implements NetDevice {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  protected readonly device: NetDevice

  constructor(device: NetDevice) {
    this.device = device
    this.capabilities = device.capabilities
    this.hardwareAddress = device.hardwareAddress
  }

  get linkUp(): boolean {
    return this.device.linkUp
  }

  acquireTransmit(): TransmitFrame | null {
    return this.device.acquireTransmit()
  }

  commitTransmit(frame: TransmitFrame): void {
    this.device.commitTransmit(frame)
  }

  cancelTransmit(frame: TransmitFrame): void {
    this.device.cancelTransmit(frame)
  }

  flushTransmit(): void {
    this.device.flushTransmit()
  }

  reclaimTransmit(): void {
    this.device.reclaimTransmit()
  }

  receive(frame: ReceivedFrame): boolean {
    return this.device.receive(frame)
  }

  releaseReceive(frame: ReceivedFrame): void {
    this.device.releaseReceive(frame)
  }
}
