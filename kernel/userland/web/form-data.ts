/** FormData (XMLHttpRequest §4): the fields of a form in order, texts and files. */
import { Blob, bytesOf, File, OwnedBytes } from './blob.ts'
import { toWellFormed } from './well-formed.ts'

export type FormDataEntryValue = string | File
type Field = [name: string, value: FormDataEntryValue]

export class FormData implements Iterable<Field> {
  #fields: Field[] = []

  constructor(form?: undefined) {
    if (form !== undefined) throw new TypeError('Cannot make FormData of a form: there is no HTML')
  }

  append(name: string, value: string | Blob, fileName?: string): void {
    this.#fields.push(toField(name, value, fileName))
  }

  delete(name: string): void {
    const key = toWellFormed(name)
    this.#fields = this.#fields.filter((field) => field[0] !== key)
  }

  get(name: string): FormDataEntryValue | null {
    const key = toWellFormed(name)
    return this.#fields.find((field) => field[0] === key)?.[1] ?? null
  }

  getAll(name: string): FormDataEntryValue[] {
    const key = toWellFormed(name)
    return this.#fields.filter((field) => field[0] === key).map((field) => field[1])
  }

  has(name: string): boolean {
    return this.get(name) !== null
  }

  /** In the place of the first field of that name; the others go. */
  set(name: string, value: string | Blob, fileName?: string): void {
    const field = toField(name, value, fileName)
    const at = this.#fields.findIndex((it) => it[0] === field[0])
    if (at < 0) this.#fields.push(field)
    else {
      this.#fields[at] = field
      this.#fields = this.#fields.filter((it, index) => index <= at || it[0] !== field[0])
    }
  }

  forEach(
    callback: (value: FormDataEntryValue, name: string, form: FormData) => void,
    receiver?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(receiver, value, name, this)
  }

  *entries(): Generator<Field, undefined, undefined> {
    for (let at = 0; at < this.#fields.length; at++) {
      const [name, value] = this.#fields[at]!
      yield [name, value]
    }
    return undefined
  }

  *keys(): Generator<string, undefined, undefined> {
    for (const [name] of this.entries()) yield name
    return undefined
  }

  *values(): Generator<FormDataEntryValue, undefined, undefined> {
    for (const [, value] of this.entries()) yield value
    return undefined
  }

  [Symbol.iterator](): Generator<Field, undefined, undefined> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'FormData'
  }
}

function toField(name: string, value: string | Blob, fileName: string | undefined): Field {
  const key = toWellFormed(name)
  if (!(value instanceof Blob)) {
    if (fileName !== undefined) throw new TypeError('Cannot add a field: only a Blob has a name')
    return [key, toWellFormed(value)]
  }
  if (value instanceof File && fileName === undefined) return [key, value]
  const options = {
    type: value.type,
    ...(value instanceof File ? { lastModified: value.lastModified } : {}),
  }
  return [key, new File(new OwnedBytes(bytesOf(value)), toWellFormed(fileName ?? 'blob'), options)]
}
