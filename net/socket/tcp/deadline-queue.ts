/**
 * The sockets that wait for a time, earliest first: a binary heap that is moved only when a
 * deadline comes nearer.
 */
import { EarliestDeadline } from '../../iface/earliest-deadline.ts'

/** Fields a queue keeps in its members. */
export interface DeadlineMember {
  /**
   * The time this member is scheduled for; never later than its real deadline. Infinity = not in
   * the queue.
   */
  scheduledDeadlineMs: number
  /** Index in the heap, -1 = not in the queue. */
  scheduledIndex: number
}

export class DeadlineQueue<Member extends DeadlineMember> {
  /** The earliest time scheduled, or Infinity. Read only outside. */
  earliest = Number.POSITIVE_INFINITY
  private readonly heap: Member[] = []
  private readonly deadline: EarliestDeadline

  /** `deadline` is told of what comes earlier than all there was. */
  constructor(deadline = new EarliestDeadline()) {
    this.deadline = deadline
  }

  get size(): number {
    return this.heap.length
  }

  /**
   * The member scheduled for the earliest time when that has come, else null. It stays in the
   * queue.
   */
  due(nowMs: number): Member | null {
    const first = this.heap[0]
    return first !== undefined && first.scheduledDeadlineMs <= nowMs ? first : null
  }

  /** Files a member, new or not, under another time; Infinity takes it out. */
  schedule(member: Member, deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) {
      this.remove(member)
      return
    }
    const before = member.scheduledDeadlineMs
    const { heap } = this
    member.scheduledDeadlineMs = deadlineMs
    if (member.scheduledIndex < 0) {
      const index = heap.length
      member.scheduledIndex = index
      // Not `push`, which takes twice as long.
      heap[index] = member
      // Of connections that come alone, each is the only one here.
      if (index === 0) {
        this.earliest = deadlineMs
        this.deadline.note(deadlineMs)
        return
      }
      this.moveUp(member)
    } else if (deadlineMs < before) {
      this.moveUp(member)
    } else {
      this.moveDown(member)
    }
    this.earliest = heap[0]!.scheduledDeadlineMs
    this.deadline.note(this.earliest)
  }

  remove(member: Member): void {
    const index = member.scheduledIndex
    if (index < 0) return
    const { heap } = this
    const last = heap.pop()!
    if (last !== member) {
      last.scheduledIndex = index
      heap[index] = last
      this.moveUp(last)
      this.moveDown(last)
    }
    member.scheduledIndex = -1
    member.scheduledDeadlineMs = Number.POSITIVE_INFINITY
    this.earliest = heap.length === 0 ? Number.POSITIVE_INFINITY : heap[0]!.scheduledDeadlineMs
  }

  private moveUp(member: Member): void {
    const heap = this.heap
    let index = member.scheduledIndex
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]!
      if (parent.scheduledDeadlineMs <= member.scheduledDeadlineMs) break
      heap[index] = parent
      parent.scheduledIndex = index
      index = parentIndex
    }
    heap[index] = member
    member.scheduledIndex = index
  }

  private moveDown(member: Member): void {
    const heap = this.heap
    let index = member.scheduledIndex
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      let child = heap[childIndex]!
      const right = heap[childIndex + 1]
      if (right !== undefined && right.scheduledDeadlineMs < child.scheduledDeadlineMs) {
        childIndex++
        child = right
      }
      if (member.scheduledDeadlineMs <= child.scheduledDeadlineMs) break
      heap[index] = child
      child.scheduledIndex = index
      index = childIndex
    }
    heap[index] = member
    member.scheduledIndex = index
  }
}
