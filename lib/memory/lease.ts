import type { MessagePort } from 'node:worker_threads'
import { VineyardError } from '../errors.js'
import { native } from '../native.js'
import type { Metadata, ReadContext } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Region } from './region.js'

/** What a collected lease still needs: it must not refer to the views, or they would never be collected. */
interface Remainder {
  views: number
  giveBack: (collected: boolean) => void
}

const collected = new FinalizationRegistry<Remainder>(remainder => {
  remainder.views -= 1
  if (remainder.views === 0) remainder.giveBack(true)
})

/** What handles are handles of. */
export interface HandleOwner {
  /** A new handle. The memory goes back when all have been released. */
  handle(): LeaseHandle
  /** @internal Called by a handle, once each. */
  dropHandle(): void
}

/** Where a view of shared memory is: `offset` bytes into a memory file. */
export interface Place {
  region: Pick<Region, 'file' | 'retain'>
  offset: number
}

/** An object's metadata and the bytes of its blobs, in the views of a lease. */
export interface LeaseContent {
  meta: Metadata
  parts: ReadonlyMap<ObjectId, Uint8Array>
}

/** An object on a vineyardd that is a lease: it lasts until somebody deletes it. */
export interface LeaseObject {
  id: ObjectId
  /** The identity of the thread that made it, and deletes it unless it ends before. */
  owner: string
  /** Of the server. */
  address: string
}

/** How a lease outlasts the thread that has it, for threads that got the memory from there. */
export interface LeaseKeeper {
  /** A hold of this thread, for another one to take. */
  hold(): number
  readonly object: LeaseObject | undefined
  /** In a thread that got the memory from another: leads to the thread that has the lease. */
  readonly home: MessagePort | undefined
}

/** What the value of a lease was made from: enough to make it again, in another thread. */
export interface LeaseSource {
  keeper: LeaseKeeper
  open(): LeaseContent
  instanceId: number | bigint
  /** Where each view is. */
  places: readonly Place[]
  decode: (meta: Metadata, context: ReadContext) => unknown
}

/**
 * The right to look at the shared memory of one chunk, through external ArrayBuffers. It ends when every handle has been
 * released (the views are detached) or when all views have been collected; then `giveBack` runs, once.
 */
export class Lease implements HandleOwner {
  readonly #views: readonly ArrayBuffer[]
  readonly #remainder: Remainder
  #handles = 0
  #handlesMade = 0
  /** Set where the value can be shared with other threads. */
  source: LeaseSource | undefined

  /**
   * Takes ownership of `views` (external, none empty). `giveBack` must not refer to them; it is told whether the garbage
   * collector ended the lease.
   */
  constructor(views: readonly ArrayBuffer[], giveBack: (collected: boolean) => void) {
    this.#views = views
    this.#remainder = { views: views.length, giveBack }
    for (const view of views) collected.register(view, this.#remainder, view)
  }

  get views(): readonly ArrayBuffer[] {
    return this.#views
  }

  /** Bytes of shared memory this lease keeps from being reused. */
  get byteLength(): number {
    return this.#views.reduce((sum, view) => sum + view.byteLength, 0)
  }

  /** A new handle. The memory goes back when all handles have been released: the batches of a Table share a lease. */
  handle(): LeaseHandle {
    this.#handles += 1
    return new LeaseHandle(this, this.#handlesMade++)
  }

  /** @internal Called by a handle, once each. */
  dropHandle(): void {
    this.#handles -= 1
    if (this.#handles === 0) this.end()
  }

  /** Detaches the views whoever holds a handle: for a lease whose value could not be made. */
  end(): void {
    if (this.#remainder.views === 0) return
    for (const view of this.#views) {
      collected.unregister(view)
      native.detach(view)
    }
    this.#remainder.views = 0
    this.#remainder.giveBack(false)
  }
}

/** One holder of a lease. The value made from the memory keeps it and asks it before every access. */
export class LeaseHandle {
  #released = false
  readonly #owner: HandleOwner
  /** Which handle of a lease it is: the same for a value that is made again of the same bytes, in another thread. */
  readonly number: number

  constructor(owner: HandleOwner, number = 0) {
    this.#owner = owner
    this.number = number
  }

  get released(): boolean {
    return this.#released
  }

  get owner(): HandleOwner {
    return this.#owner
  }

  /** Throws ERR_VINEYARD_RELEASED once this handle has been released. */
  check(): void {
    if (this.#released) {
      throw new VineyardError('ERR_VINEYARD_RELEASED', 'this chunk has been released: its memory is gone')
    }
  }

  /** Ends this holder's access. False if it had ended already. */
  release(): boolean {
    if (this.#released) return false
    this.#released = true
    this.#owner.dropHandle()
    return true
  }
}

const handles = new WeakMap<object, LeaseHandle>()

/** Where classes of this package keep the handle that releases a value of theirs. */
export const leaseOf = Symbol('lease')

/** Makes `release(value)` and `value[Symbol.dispose]()` release `handle`. */
export function attachLease<T extends object>(value: T, handle: LeaseHandle): T {
  handles.set(value, handle)
  Object.defineProperty(value, Symbol.dispose, {
    value: () => void handle.release(),
    configurable: true,
    writable: true
  })
  return value
}

/** What `release(value)` would release; undefined for a value that was copied, or has parts that are released one by one. */
export function handleOf(value: object): LeaseHandle | undefined {
  const handle = (value as { [leaseOf]?: unknown })[leaseOf] ?? handles.get(value)
  return handle instanceof LeaseHandle ? handle : undefined
}

/**
 * Gives the shared memory of a zero-copy value back now, instead of when it is collected. Every array and batch made from
 * it dies with it. False, and nothing happens, for a value that was copied, derived from another or released before.
 */
export function release(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const handle = (value as { [leaseOf]?: LeaseHandle })[leaseOf] ?? handles.get(value)
  return handle?.release() ?? false
}
