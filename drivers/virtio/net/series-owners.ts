/** Whose payload the frames of series are read from: a small number for each owner. */
import type { PayloadOwner } from '../../../net/storage/buffer.ts'

/** Numbers from 1 on; a slot's 0 says that it has its owner itself. */
export const MAX_SERIES_OWNERS = 255

export class SeriesOwners {
  private readonly owners: (PayloadOwner | null)[] = []
  /** By number, frames that the device has. */
  private readonly frames = new Uint16Array(MAX_SERIES_OWNERS + 1)
  private last = 1

  constructor() {
    for (let number = 0; number <= MAX_SERIES_OWNERS; number++) this.owners.push(null)
  }

  /** The number that `count` more frames of the owner are known by; 0 = all are in use. */
  lend(owner: PayloadOwner, count: number): number {
    const { owners, frames } = this
    let number = this.last
    if (owners[number] !== owner) {
      number = this.findFree()
      if (number === 0) return 0
      owners[number] = owner
      this.last = number
    }
    frames[number]! += count
    owner.framesInFlight += count
    return number
  }

  giveBack(number: number, count: number): void {
    const { owners, frames } = this
    const left = frames[number]! - count
    frames[number] = left
    owners[number]!.framesInFlight -= count
    // Nobody is held on to.
    if (left === 0) owners[number] = null
  }

  takeBackAll(): void {
    for (let number = 1; number <= MAX_SERIES_OWNERS; number++) {
      const count = this.frames[number]!
      if (count !== 0) this.giveBack(number, count)
    }
  }

  private findFree(): number {
    const { frames, last } = this
    for (let step = 0; step < MAX_SERIES_OWNERS; step++) {
      const number = ((last + step - 1) % MAX_SERIES_OWNERS) + 1
      if (frames[number] === 0) return number
    }
    return 0
  }
}
