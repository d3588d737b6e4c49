import type { SlotsWanted } from '../client/slot-pool.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonValue } from '../protocol/json.js'
import { stringifyJson } from '../protocol/json.js'

/** Who waits for a chunk to be accepted. */
export interface Waiter {
  /** Number of the chunk in its request. */
  index: number
  resolve: (id: ObjectId) => void
  reject: (error: unknown) => void
}

/** What one write_chunks_request will say, as text: composing it from objects would cost more than the rest. */
export class Outbox {
  count = 0
  bytes = 0
  readonly waiters: Waiter[] = []
  #chunks = ''
  /** The block that the last element is about, to which more chunks can be added. */
  #openBlock: ObjectId | undefined
  #templates = ''

  addTemplate(text: string): void {
    this.#templates += `${this.#templates === '' ? '' : ','}${JSON.stringify(text)}`
  }

  /** A packed chunk, or with template -1 a blob, in a block. */
  addToBlock(block: ObjectId, template: number, at: number, size: number): void {
    if (block === this.#openBlock) {
      this.#chunks += `,${template},${at},${size}`
    } else {
      this.#begin(`["${block}",${template},${at},${size}`)
      this.#openBlock = block
    }
    this.#added(size)
  }

  /** A blob that is a chunk itself. */
  addBlob(blob: ObjectId, size: number): void {
    this.#begin(`[-1,"${blob}"]`)
    this.#added(size)
  }

  /** A packed chunk in the first `size` bytes of a blob. */
  addPacked(blob: ObjectId, template: number, size: number): void {
    this.#begin(`[${template},"${blob}",${size}]`)
    this.#added(size)
  }

  /** A chunk whose variables are not all numbers, in the first `size` bytes of a blob. */
  addCompact(
    blob: ObjectId,
    template: number,
    vars: readonly JsonValue[],
    spans: readonly number[],
    size: number
  ): void {
    this.#begin(`[${template},"${blob}",${stringifyJson(vars)},[${spans.join(',')}],${size}]`)
    this.#added(size)
  }

  /** The fields of the request, as text. */
  request(stream: ObjectId, done: readonly ObjectId[], slots: readonly SlotsWanted[]): string {
    const chunks = this.#openBlock === undefined ? this.#chunks : `${this.#chunks}]`
    return (
      `"id":"${stream}","ids":${this.waiters.length > 0},` +
      (slots.length === 0 ? '' : `"slots":[${slots.map(wanted => `[${wanted.join(',')}]`).join(',')}],`) +
      `"done":[${done.map(id => `"${id}"`).join(',')}],"templates":[${this.#templates}],"chunks":[${chunks}]`
    )
  }

  #begin(element: string): void {
    if (this.#openBlock !== undefined) this.#chunks += ']'
    this.#openBlock = undefined
    this.#chunks += this.#chunks === '' ? element : `,${element}`
  }

  #added(size: number): void {
    this.count += 1
    this.bytes += size
  }
}
