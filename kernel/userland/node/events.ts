/** `node:events`: EventEmitter and `once`, as packages for many places use them. */
type Name = string | symbol
/** One of `once` is another function, which has the one that was given. */
type Callback = ((...values: never[]) => unknown) & { listener?: Callback }
type Listeners = Map<Name, Callback[]>

const DEFAULT_MAX_LISTENERS = 10

/**
 * Not properties: subclasses, and objects that the methods were copied to, have names of their own,
 * and need not have called the constructor.
 */
const listenersOf = /* @__PURE__ */ new WeakMap<object, Listeners>()
const limitOf = /* @__PURE__ */ new WeakMap<object, number>()

class Emitter {
  static EventEmitter: typeof Emitter
  static defaultMaxListeners = DEFAULT_MAX_LISTENERS
  static readonly errorMonitor: unique symbol = Symbol('events.errorMonitor')

  static once(emitter: Emitter, name: Name): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        emitter.removeListener(name, succeed as Callback)
        reject(error)
      }
      const succeed = (...values: unknown[]) => {
        emitter.removeListener('error', fail as Callback)
        resolve(values)
      }
      emitter.once(name, succeed as Callback)
      if (name !== 'error') emitter.once('error', fail as Callback)
    })
  }

  on(name: Name, callback: Callback): this {
    return add(this, name, callback, false)
  }

  addListener(name: Name, callback: Callback): this {
    return add(this, name, callback, false)
  }

  prependListener(name: Name, callback: Callback): this {
    return add(this, name, callback, true)
  }

  once(name: Name, callback: Callback): this {
    return this.on(name, onlyOnce(this, name, callback))
  }

  prependOnceListener(name: Name, callback: Callback): this {
    return this.prependListener(name, onlyOnce(this, name, callback))
  }

  /** Takes off the one that was added last, of several that are the same. */
  off(name: Name, callback: Callback): this {
    return remove(this, name, callback)
  }

  removeListener(name: Name, callback: Callback): this {
    return remove(this, name, callback)
  }

  removeAllListeners(name?: Name): this {
    const all = listenersOf.get(this)
    if (all === undefined) return this
    if (name === undefined) {
      for (const each of [...all.keys()]) {
        if (each !== 'removeListener') this.removeAllListeners(each)
      }
      if (all.has('removeListener')) this.removeAllListeners('removeListener')
      return this
    }
    // The last one first; whoever hears of that may take others off.
    for (const callback of [...(all.get(name) ?? [])].reverse()) this.removeListener(name, callback)
    return this
  }

  /** True when somebody listened. An `error` that nobody listens to is thrown. */
  emit(name: Name, ...values: unknown[]): boolean {
    if (name === 'error') this.emit(Emitter.errorMonitor, ...values)
    const list = listenersOf.get(this)?.get(name)
    if (list === undefined) {
      if (name !== 'error') return false
      const [error] = values
      if (error instanceof Error) throw error
      throw new Error(`Unhandled error. (${String(error)})`)
    }
    // As they are now: those that are added or taken off meanwhile change nothing.
    for (const callback of [...list]) Reflect.apply(callback, this, values)
    return true
  }

  listeners(name: Name): Callback[] {
    return this.rawListeners(name).map(givenAs)
  }

  rawListeners(name: Name): Callback[] {
    return [...(listenersOf.get(this)?.get(name) ?? [])]
  }

  listenerCount(name: Name): number {
    return listenersOf.get(this)?.get(name)?.length ?? 0
  }

  eventNames(): Name[] {
    return [...(listenersOf.get(this)?.keys() ?? [])]
  }

  setMaxListeners(count: number): this {
    if (!(count >= 0)) throw new RangeError(`Cannot have ${count} listeners at most`)
    limitOf.set(this, count)
    return this
  }

  getMaxListeners(): number {
    return limitOf.get(this) ?? Emitter.defaultMaxListeners
  }
}

function givenAs(callback: Callback): Callback {
  return callback.listener ?? callback
}

function requireFunction(name: Name, callback: unknown): void {
  if (typeof callback === 'function') return
  throw new TypeError(`Cannot listen to ${String(name)}: a ${typeof callback} is no function`)
}

function add<This extends Emitter>(on: This, name: Name, callback: Callback, first: boolean): This {
  requireFunction(name, callback)
  const hears = listenersOf.get(on)?.has('newListener') === true
  if (hears) on.emit('newListener', name, givenAs(callback))
  // Whoever hears of the new one may have taken the last one off.
  const all: Listeners = listenersOf.get(on) ?? new Map()
  listenersOf.set(on, all)
  const list = all.get(name) ?? []
  if (first) list.unshift(callback)
  else list.push(callback)
  all.set(name, list)
  return on
}

function remove<This extends Emitter>(from: This, name: Name, callback: Callback): This {
  const all = listenersOf.get(from)
  const list = all?.get(name)
  const index = list?.findLastIndex((it) => it === callback || it.listener === callback) ?? -1
  if (index === -1) return from
  const [taken] = list!.splice(index, 1)
  if (list!.length === 0) all!.delete(name)
  if (all!.has('removeListener')) from.emit('removeListener', name, givenAs(taken!))
  return from
}

function onlyOnce(emitter: Emitter, name: Name, callback: Callback): Callback {
  requireFunction(name, callback)
  let isOver = false
  const raw: Callback = (...values) => {
    if (isOver) return undefined
    isOver = true
    emitter.removeListener(name, raw)
    return Reflect.apply(callback, emitter, values)
  }
  raw.listener = callback
  return raw
}

/** Older packages call it as a function (`EventEmitter.call(this)`), or copy its methods. */
export const EventEmitter = new Proxy(Emitter, { apply: () => undefined })
export type EventEmitter = Emitter

Emitter.EventEmitter = EventEmitter
Object.defineProperty(Emitter, 'name', { value: 'EventEmitter' })
for (const name of Object.getOwnPropertyNames(Emitter.prototype)) {
  const isMethod = name !== 'constructor'
  const value = isMethod ? Emitter.prototype[name as 'on'] : EventEmitter
  const property = { value, writable: true, configurable: true, enumerable: isMethod }
  Object.defineProperty(Emitter.prototype, name, property)
}

export const { once, errorMonitor } = Emitter
export const defaultMaxListeners = DEFAULT_MAX_LISTENERS
export default EventEmitter
