/** `node:events`: EventEmitter and `once`, as packages for many places use them. */
type Name = string | symbol
type Callback = (...values: never[]) => unknown
interface Entry {
  readonly callback: Callback
  readonly once: boolean
  /** What was registered, as `rawListeners` shows it. */
  readonly raw: Callback & { listener?: Callback }
}

const DEFAULT_MAX_LISTENERS = 10

export class EventEmitter {
  static EventEmitter = EventEmitter
  static defaultMaxListeners = DEFAULT_MAX_LISTENERS
  static readonly errorMonitor: unique symbol = Symbol('events.errorMonitor')
  /** Own, so that classes that never call this constructor work too (util.inherits). */
  declare private entries: Map<Name, Entry[]> | undefined
  declare private maxListeners: number | undefined

  static once(emitter: EventEmitter, name: Name): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        emitter.off(name, succeed as Callback)
        reject(error)
      }
      const succeed = (...values: unknown[]) => {
        emitter.off('error', fail as Callback)
        resolve(values)
      }
      emitter.once(name, succeed as Callback)
      if (name !== 'error') emitter.once('error', fail as Callback)
    })
  }

  on(name: Name, callback: Callback): this {
    return this.add(name, callback, false, false)
  }

  addListener(name: Name, callback: Callback): this {
    return this.add(name, callback, false, false)
  }

  once(name: Name, callback: Callback): this {
    return this.add(name, callback, true, false)
  }

  prependListener(name: Name, callback: Callback): this {
    return this.add(name, callback, false, true)
  }

  prependOnceListener(name: Name, callback: Callback): this {
    return this.add(name, callback, true, true)
  }

  /** Takes off the one that was added last, of several that are the same. */
  off(name: Name, callback: Callback): this {
    const list = this.entries?.get(name)
    const index = list?.findLastIndex((it) => it.callback === callback || it.raw === callback) ?? -1
    if (index !== -1) this.removeAt(name, index)
    return this
  }

  removeListener(name: Name, callback: Callback): this {
    return this.off(name, callback)
  }

  removeAllListeners(name?: Name): this {
    const { entries } = this
    if (entries === undefined) return this
    if (name === undefined) {
      for (const each of [...entries.keys()]) {
        if (each !== 'removeListener') this.removeAllListeners(each)
      }
      if (entries.has('removeListener')) this.removeAllListeners('removeListener')
      return this
    }
    // The last one first; whoever hears of that may take others off.
    for (const { raw } of [...(entries.get(name) ?? [])].reverse()) this.off(name, raw)
    return this
  }

  /** True when somebody listened. An `error` that nobody listens to is thrown. */
  emit(name: Name, ...values: unknown[]): boolean {
    if (name === 'error') this.emit(EventEmitter.errorMonitor, ...values)
    const list = this.entries?.get(name)
    if (list === undefined) {
      if (name !== 'error') return false
      const [error] = values
      if (error instanceof Error) throw error
      throw new Error(`Unhandled error. (${String(error)})`)
    }
    // As they are now: those that are added or taken off meanwhile change nothing.
    for (const { raw } of [...list]) Reflect.apply(raw, this, values)
    return true
  }

  listeners(name: Name): Callback[] {
    return this.entries?.get(name)?.map(({ callback }) => callback) ?? []
  }

  rawListeners(name: Name): Callback[] {
    return this.entries?.get(name)?.map(({ raw }) => raw) ?? []
  }

  listenerCount(name: Name): number {
    return this.entries?.get(name)?.length ?? 0
  }

  eventNames(): Name[] {
    return [...(this.entries?.keys() ?? [])]
  }

  setMaxListeners(count: number): this {
    if (!(count >= 0)) throw new RangeError(`Cannot have ${count} listeners at most`)
    this.maxListeners = count
    return this
  }

  getMaxListeners(): number {
    return this.maxListeners ?? EventEmitter.defaultMaxListeners
  }

  private add(name: Name, callback: Callback, once: boolean, first: boolean): this {
    if (typeof callback !== 'function') {
      throw new TypeError(`Cannot listen to ${String(name)}: a ${typeof callback} is no function`)
    }
    if (this.entries?.has('newListener') === true) this.emit('newListener', name, callback)
    // Whoever hears of the new one may have taken the last one off.
    this.entries ??= new Map()
    const list = this.entries.get(name) ?? []
    const entry = { callback, once, raw: once ? this.wrap(name, callback) : callback }
    if (first) list.unshift(entry)
    else list.push(entry)
    this.entries.set(name, list)
    return this
  }

  private wrap(name: Name, callback: Callback): Callback & { listener?: Callback } {
    let isOver = false
    const raw = (...values: never[]) => {
      if (isOver) return undefined
      isOver = true
      this.off(name, raw)
      return Reflect.apply(callback, this, values)
    }
    raw.listener = callback
    return raw
  }

  private removeAt(name: Name, index: number): void {
    const list = this.entries!.get(name)!
    const [entry] = list.splice(index, 1)
    if (list.length === 0) this.entries!.delete(name)
    if (this.entries!.has('removeListener')) this.emit('removeListener', name, entry!.callback)
  }
}

export const { once, errorMonitor } = EventEmitter
export const defaultMaxListeners = DEFAULT_MAX_LISTENERS
export default EventEmitter
