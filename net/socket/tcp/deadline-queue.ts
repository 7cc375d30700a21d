/** The sockets that wait for a time, earliest first: a binary heap that is moved only when a deadline comes nearer. */

/** Fields a queue keeps in its members. */
export interface DeadlineMember {
  /** The time this member is filed under; never later than its real deadline. Infinity = not in the queue. */
  filedDeadlineMs: number
  /** Index in the heap, -1 = not in the queue. */
  filedIndex: number
}

export class DeadlineQueue<Member extends DeadlineMember> {
  /** The earliest time filed, or Infinity. Read only outside. */
  earliest = Number.POSITIVE_INFINITY
  private readonly heap: Member[] = []

  get size(): number {
    return this.heap.length
  }

  /** The member filed under the earliest time when that has come, else null. It stays in the queue. */
  due(nowMs: number): Member | null {
    const first = this.heap[0]
    return first !== undefined && first.filedDeadlineMs <= nowMs ? first : null
  }

  /** Files a member, new or not, under another time; Infinity takes it out. */
  file(member: Member, deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) {
      this.remove(member)
      return
    }
    const before = member.filedDeadlineMs
    member.filedDeadlineMs = deadlineMs
    if (member.filedIndex < 0) {
      member.filedIndex = this.heap.length
      this.heap.push(member)
      this.moveUp(member)
    } else if (deadlineMs < before) {
      this.moveUp(member)
    } else {
      this.moveDown(member)
    }
    this.earliest = this.heap[0]!.filedDeadlineMs
  }

  remove(member: Member): void {
    const index = member.filedIndex
    if (index < 0) return
    const last = this.heap.pop()!
    if (last !== member) {
      last.filedIndex = index
      this.heap[index] = last
      this.moveUp(last)
      this.moveDown(last)
    }
    member.filedIndex = -1
    member.filedDeadlineMs = Number.POSITIVE_INFINITY
    const first = this.heap[0]
    this.earliest = first === undefined ? Number.POSITIVE_INFINITY : first.filedDeadlineMs
  }

  private moveUp(member: Member): void {
    const heap = this.heap
    let index = member.filedIndex
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]!
      if (parent.filedDeadlineMs <= member.filedDeadlineMs) break
      heap[index] = parent
      parent.filedIndex = index
      index = parentIndex
    }
    heap[index] = member
    member.filedIndex = index
  }

  private moveDown(member: Member): void {
    const heap = this.heap
    let index = member.filedIndex
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      let child = heap[childIndex]!
      const right = heap[childIndex + 1]
      if (right !== undefined && right.filedDeadlineMs < child.filedDeadlineMs) {
        childIndex++
        child = right
      }
      if (member.filedDeadlineMs <= child.filedDeadlineMs) break
      heap[index] = child
      child.filedIndex = index
      index = childIndex
    }
    heap[index] = member
    member.filedIndex = index
  }
}
