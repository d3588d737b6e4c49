import { attachLease } from '../memory/lease.js'
import type { LeaseHandle } from '../memory/lease.js'
import type { Metadata, PartReader, ReadContext } from './model.js'

/** The same context, for a part that is released by itself. */
function withHandle(context: ReadContext, handle: LeaseHandle | undefined, read: PartReader): ReadContext {
  const part: ReadContext = {
    blob: (meta, key) => context.blob(meta, key),
    member: (meta, key) => context.member(meta, key),
    read: meta => read(meta, part),
    newHandle: () => context.newHandle(),
    handle,
    instanceId: context.instanceId
  }
  return part
}

/**
 * Reads parts that are values of their own (the batches of a table, the elements of a sequence): each takes a
 * handle and can be released by itself; the memory goes back when the last one has been.
 */
export class Parts {
  readonly #context: ReadContext
  readonly #read: PartReader
  readonly #handles: LeaseHandle[] = []

  constructor(context: ReadContext, read: PartReader) {
    this.#context = context
    this.#read = read
  }

  /** The value of one part. If it cannot be read, what the parts before it hold is given back. */
  read(meta: Metadata): unknown {
    const handle = this.#context.newHandle()
    if (handle !== undefined) this.#handles.push(handle)
    try {
      return this.#read(meta, withHandle(this.#context, handle, this.#read))
    } catch (error) {
      this.drop()
      throw error
    }
  }

  /** Gives back what the parts hold, for a whole that cannot be made of them. */
  drop(): void {
    for (const taken of this.#handles) taken.release()
  }

  /**
   * The finished whole: releasing it releases all parts that are left. Its own handle has nothing to hold any
   * more.
   */
  finish<T extends object>(whole: T): T {
    const { handle } = this.#context
    if (handle === undefined) return whole
    const group = { release: () => this.#handles.map(part => part.release()).includes(true) }
    // `release` and dispose call nothing but release().
    if (this.#handles.some(part => !part.released)) attachLease(whole, group as LeaseHandle)
    handle.release()
    return whole
  }
}
