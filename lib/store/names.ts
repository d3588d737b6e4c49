import { Status } from '../errors.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import { type HeapShare, textBytes } from './heap-share.js'
import type { Metadata } from './metadata.js'
import { matchAll } from './patterns.js'
import { RequestError } from './request-error.js'
import { byteOrder } from './value-text.js'

/** What a name takes of V8's heap beside its text, in bytes. */
const nameBytes = 256

function heapBytesOfName(name: string): number {
  return nameBytes + textBytes(name)
}

/** Upstream keeps names in a JSON tree, and shows them in metadata the way a path in it is written. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Names of objects. A name outlives its object, as it does upstream. */
export class Names {
  readonly #metadata: Metadata
  readonly #heap: HeapShare
  readonly #ids = new Map<string, ObjectId>()
  /** Called for a name that has just been given. */
  onPut: (name: string) => void = () => {}

  constructor(metadata: Metadata, heap: HeapShare) {
    this.#metadata = metadata
    this.#heap = heap
  }

  get count(): number {
    return this.#ids.size
  }

  find(name: string): ObjectId | undefined {
    return this.#ids.get(name)
  }

  /** Names a persistent object. Throws 1 for a blob or a transient object, 12 for an unknown one, 41 for one name too many. */
  put(name: string, id: ObjectId): void {
    if (isBlobId(id)) throw RequestError.invalid('a blob cannot have a name')
    const record = this.#metadata.get(id, Status.ObjectNotExists)
    if (record.transient !== false) {
      throw RequestError.invalid('a transient object cannot have a name, persist it first')
    }
    if (this.#ids.get(name) !== id) {
      const bytes = heapBytesOfName(name)
      // The object tells its last name as well.
      this.#heap.admit(2 * bytes)
      if (!this.#ids.has(name)) this.#heap.count(bytes)
      this.#ids.set(name, id)
    }
    this.#metadata.setField(record, '__name', JSON.stringify(escapePointer(name)))
    this.onPut(name)
  }

  /** Unknown names are ignored. */
  drop(name: string): void {
    const id = this.#ids.get(name)
    if (id === undefined) return
    this.#ids.delete(name)
    this.#heap.count(-heapBytesOfName(name))
    const record = this.#metadata.peek(id)
    if (record) this.#metadata.setField(record, '__name', undefined)
  }

  /** Names that match, in byte order, with their ids. */
  list(pattern: string, isRegex: boolean, limit: number): [string, ObjectId][] {
    if (limit === 0) return []
    const names = [...this.#ids.keys()]
    const matches = matchAll(pattern, isRegex, names)
    const found = names.filter((_, index) => matches[index]).sort(byteOrder)
    return found.slice(0, limit).map(name => [name, this.#ids.get(name)!])
  }
}
