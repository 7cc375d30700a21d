/**
 * The path that was asked for last: connections come in runs from one peer, and what is known of
 * the way to it serves them all.
 */
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import type { FlowPath } from './flow-path.ts'
import { SparePaths } from './spare-paths.ts'

export class RecentPath {
  /** Resolved, never used, of ordinary fields; null = nobody has asked twice in a row. */
  private model: FlowPath | null = null
  private source: IpAddress | null = null
  private destination: IpAddress | null = null
  private protocol = 0
  /** What the link had for hops when the model was made. */
  private linkHopLimit = 0
  private readonly spares = new SparePaths()

  /**
   * The path that one between these is a copy of; null = there is none. `resolve` is for one whose
   * neighbor was last looked at too long ago.
   */
  modelFor(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    nowMs: number,
    resolve: (path: FlowPath, nowMs: number) => boolean,
  ): FlowPath | null {
    const { model } = this
    if (
      model === null ||
      model.protocol !== protocol ||
      // Mostly the same records, too.
      (model.destination !== destination && !isSameAddress(model.destination, destination)) ||
      (model.source !== source && !isSameAddress(model.source, source))
    ) {
      return null
    }
    const { neighbors, link } = model.parts
    // Else addresses, routes or path MTUs have changed: the choice itself may be another now.
    const isCurrent =
      model.generation === neighbors.generation && this.linkHopLimit === link.hopLimit
    if (isCurrent && (nowMs < model.validUntilMs || resolve(model, nowMs))) return model
    this.model = null
    this.spares.clear()
    return null
  }

  /** A path like `model`, which was just found, that somebody else has used; null = none. */
  takeSpare(model: FlowPath): FlowPath | null {
    return this.spares.take(model)
  }

  /** Nobody sends by the path any more. */
  giveBack(path: FlowPath): void {
    const { model } = path
    if (model !== null && model === this.model && !path.isAltered) this.spares.give(path)
  }

  /** True when a path between the same was asked for last: a model is worth making. */
  isAskedAgain(source: IpAddress, destination: IpAddress, protocol: number): boolean {
    const isAgain =
      this.source !== null &&
      this.protocol === protocol &&
      isSameAddress(this.destination!, destination) &&
      isSameAddress(this.source, source)
    if (!isAgain) {
      this.source = source
      this.destination = destination
      this.protocol = protocol
    }
    return isAgain
  }

  keep(model: FlowPath): void {
    model.model = model
    this.model = model
    this.spares.clear()
    this.linkHopLimit = model.parts.link.hopLimit
  }
}
