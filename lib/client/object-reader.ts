import type { LeaseBudget } from '../memory/budget.js'
import { CopiedMemory } from '../memory/copied-memory.js'
import type { Region } from '../memory/region.js'
import { native } from '../native.js'
import { ownIdentity } from '../memory/identity.js'
import { Lease, type HandleOwner, type LeaseContent, type LeaseKeeper } from '../memory/lease.js'
import type { LeaseAccount } from '../memory/lease-account.js'
import type { Metadata, ReadContext } from '../objects/model.js'
import { blobIdsOf, read } from '../objects/registry.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import {
  copyBlobs,
  fetchBlobs,
  gatherBlobs,
  locateBlobs,
  regionsOf,
  totalBytes,
  viewBlobs
} from './blob-access.js'
import type { Connection } from './connection.js'
import type { InlineObject } from './inline-object.js'
import type { LeaseReturns } from './lease-returns.js'
import type { MetaService } from './meta-service.js'
import { leaseBlobs, leaseCopy } from './node-lease.js'
import { ObjectReadContext } from './read-context.js'
import { deleteData, metadataOf } from './requests/metadata.js'
import { instanceStatus } from './requests/status.js'

/**
 * Chunks of up to so many bytes are copied out on a vineyardd: a copy takes 3 µs, keeping one in shared memory and giving it
 * back several 100 µs of the server's time.
 */
const smallBytes = 32 * 1024

/** `lease`: in shared memory. `copy`: in memory of this process. `auto`: leased while the budget admits it. */
export type ReadMode = 'lease' | 'copy' | 'auto'

/** Makes a value of metadata and blobs; by its typename unless the caller knows better. */
export type Decode<T> = (meta: Metadata, context: ReadContext) => T

export interface ReadObject<T = unknown> {
  value: T
  /** Bytes of its blobs. */
  bytes: number
  /**
   * Whether the value looks at shared memory, or would if it were not too small for that; otherwise it was copied because
   * that was asked for or the budget was used up.
   */
  leased: boolean
}

/** Turns ids into values over one connection. */
export class ObjectReader {
  readonly #connection: Connection
  /** Where leases go back: this connection on the store, which counts them by connection; any other on a vineyardd. */
  readonly #returns: LeaseReturns
  readonly #service: MetaService
  readonly #budget: LeaseBudget
  readonly #account: LeaseAccount
  /** Whether nobody else deletes what it reads, so that there is time to copy it. */
  readonly #own: boolean
  /** Whether the last object was so small that the next is expected to be. */
  #small = false
  /** Of leases that the connection counts. */
  readonly #keeper: LeaseKeeper = {
    hold: () => this.#connection.holdLeases(),
    object: undefined,
    home: undefined
  }
  #statusEvery = 0
  #bytesSinceStatus = 0

  constructor(
    connection: Connection,
    returns: LeaseReturns,
    service: MetaService,
    budget: LeaseBudget,
    account: LeaseAccount,
    { own }: { own: boolean }
  ) {
    this.#connection = connection
    this.#returns = returns
    this.#service = service
    this.#budget = budget
    this.#account = account
    this.#own = own
  }

  /** Metadata of one object. Rejects with ERR_VINEYARD_NOT_FOUND. */
  async metadata(id: ObjectId): Promise<Metadata> {
    return metadataOf(this.#connection, id)
  }

  /** The value of an object, by its typename; `known` is its metadata where the caller has it. */
  read(object: ObjectId | InlineObject, mode: ReadMode, known?: Metadata): Promise<ReadObject> {
    return this.readAs(object, mode, read, known)
  }

  /** What `decode` makes of an object. */
  async readAs<T>(
    object: ObjectId | InlineObject,
    mode: ReadMode,
    decode: Decode<T>,
    known?: Metadata
  ): Promise<ReadObject<T>> {
    if (typeof object !== 'string') return this.readInline(object, mode, decode)
    const id = object
    if (this.#connection.remote) return this.#fetch(known ?? (await this.#metadataOf(id)), decode)
    if (this.#connection.extended)
      return this.#readOnStore(known ?? (await this.#metadataOf(id)), mode, decode)
    await this.#refreshReport(mode)
    // A blob cannot be copied shallowly, so nothing can keep it: only its bytes can.
    if (mode === 'copy' || isBlobId(id)) {
      const meta = known ?? (await this.#metadataOf(id))
      return this.#readCopy(meta, mode !== 'copy' && this.#own, decode)
    }
    const fromVineyardd =
      this.#own && this.#small ? this.#readSmall(id, mode, decode) : this.#readLeased(id, mode, decode)
    const made = await fromVineyardd
    this.#small = made.bytes <= smallBytes
    return made
  }

  /** What is read of a blob is its bytes: it costs no request. */
  #metadataOf(id: ObjectId): Metadata | Promise<Metadata> {
    if (!isBlobId(id)) return this.metadata(id)
    return { id, typename: 'vineyard::Blob', instance_id: this.#connection.info.instanceId }
  }

  /** Those that are on this server. */
  #blobsOf(meta: Metadata): ObjectId[] {
    return blobIdsOf(meta, this.#connection.info.instanceId)
  }

  async #fetch<T>(meta: Metadata, decode: Decode<T>): Promise<ReadObject<T>> {
    const blobs = await fetchBlobs(this.#connection, this.#blobsOf(meta))
    let bytes = 0
    for (const { length } of blobs.values()) bytes += length
    const context = new ObjectReadContext(blobs, undefined, this.#connection.info.instanceId)
    return { value: decode(meta, context), bytes, leased: false }
  }

  /** `releasable`: releasing the value ends the access to it, and frees its memory at once. */
  async #readCopy<T>(meta: Metadata, releasable: boolean, decode: Decode<T>): Promise<ReadObject<T>> {
    const payloads = await locateBlobs(this.#connection, this.#blobsOf(meta))
    return releasable ? this.#copied(meta, payloads, decode) : this.#value(meta, payloads, decode)
  }

  #copied<T>(meta: Metadata, payloads: readonly Payload[], decode: Decode<T>): ReadObject<T> {
    const bytes = totalBytes(payloads)
    if (bytes === 0) return this.#value(meta, payloads, decode)
    this.#bytesSinceStatus += bytes
    const { buffer, bytes: blobs } = gatherBlobs(this.#connection, payloads)
    const context = new ObjectReadContext(blobs, new CopiedMemory(buffer), this.#connection.info.instanceId)
    return { value: decode(meta, context), bytes, leased: false }
  }

  async #readOnStore<T>(meta: Metadata, mode: ReadMode, decode: Decode<T>): Promise<ReadObject<T>> {
    const ids = this.#blobsOf(meta)
    const payloads = await locateBlobs(this.#connection, ids)
    if (ids.length === 0) return this.#value(meta, payloads, decode)
    this.#returns.take()
    const giveBack = (): void => this.#returns.giveBack(ids)
    if (this.#copies(payloads, mode)) {
      try {
        return this.#value(meta, payloads, decode)
      } finally {
        giveBack()
      }
    }
    return this.#value(meta, payloads, decode, { giveBack, keeper: this.#keeper })
  }

  /** An object that is here already: nothing has to be asked for. */
  readInline<T>(object: InlineObject, mode: ReadMode, decode: Decode<T>): ReadObject<T> {
    const { place, bytes } = object
    const { size } = place
    const region = this.#connection.descriptors.region(place)
    if (!object.leased) {
      const copy = region.copy(place.offset, size)
      if (mode === 'copy') return { value: this.#open(object, copy, decode, undefined), bytes, leased: false }
      const memory = new CopiedMemory(copy.buffer)
      return { value: this.#open(object, copy, decode, memory), bytes, leased: true }
    }
    this.#returns.take()
    const giveBack = (): void => this.#returns.giveBack([place.id])
    if (mode === 'copy' || (mode === 'auto' && !this.#budget.admits(bytes))) {
      try {
        const copy = region.copy(place.offset, size)
        return { value: this.#open(object, copy, decode, undefined), bytes, leased: false }
      } finally {
        giveBack()
      }
    }
    return this.#leased(bytes, [region], giveBack, lease => {
      const view = region.view(place.offset, size)
      const made = lease([view])
      const { instanceId } = this.#connection.info
      const open = (): LeaseContent => object.open(new Uint8Array(view), instanceId)
      const places = [{ region, offset: place.offset }]
      made.source = { keeper: this.#keeper, open, instanceId, places, decode }
      return this.#open(object, new Uint8Array(view), decode, made)
    })
  }

  /** The value in the bytes of an inline object, which `owner` keeps. */
  #open<T>(object: InlineObject, bytes: Uint8Array, decode: Decode<T>, owner: HandleOwner | undefined): T {
    // Every type reads a record batch as such, so the short way is right whoever asks.
    const batch = (decode as Decode<unknown>) === read ? object.readBatch(bytes, owner) : undefined
    if (batch !== undefined) return batch as T
    const { instanceId } = this.#connection.info
    const { meta, parts } = object.open(bytes, instanceId)
    return decode(meta, new ObjectReadContext(parts, owner, instanceId))
  }

  /** Copies what is small, without a lease. */
  async #readSmall<T>(id: ObjectId, mode: ReadMode, decode: Decode<T>): Promise<ReadObject<T>> {
    const meta = await this.metadata(id)
    const payloads = await locateBlobs(this.#connection, this.#blobsOf(meta))
    if (totalBytes(payloads) > smallBytes) {
      if (this.#service.mayAskEtcd) return this.#readPinned(meta, mode, decode)
      return this.#keep(meta, payloads, await leaseCopy(this.#connection, id), mode, decode)
    }
    // As if it looked at shared memory: no budget was used up.
    return { ...this.#copied(meta, payloads, decode), leased: true }
  }

  /** Leases what must exist before anything else happens to the object. */
  async #readLeased<T>(id: ObjectId, mode: ReadMode, decode: Decode<T>): Promise<ReadObject<T>> {
    if (this.#service.mayAskEtcd) return this.#readPinned(await this.metadata(id), mode, decode)
    const [copy, meta] = await Promise.allSettled([leaseCopy(this.#connection, id), this.metadata(id)])
    if (copy.status === 'rejected' || meta.status === 'rejected') {
      if (copy.status === 'fulfilled') await this.#deleteLease(copy.value)
      throw (meta as PromiseRejectedResult).reason ?? (copy as PromiseRejectedResult).reason
    }
    return this.#keep(meta.value, undefined, copy.value, mode, decode)
  }

  /** Leases the blobs and not the object. The lease is made first: what is located after that stays. */
  async #readPinned<T>(meta: Metadata, mode: ReadMode, decode: Decode<T>): Promise<ReadObject<T>> {
    const blobs = this.#blobsOf(meta)
    if (blobs.length === 0) return this.#value(meta, [], decode)
    const [lease, payloads] = await Promise.allSettled([
      leaseBlobs(this.#connection, blobs),
      locateBlobs(this.#connection, blobs)
    ])
    if (lease.status === 'rejected') throw lease.reason
    if (payloads.status === 'fulfilled') return this.#keep(meta, payloads.value, lease.value, mode, decode)
    await this.#deleteLease(lease.value)
    throw payloads.reason
  }

  /** The value of an object that `lease` keeps. */
  async #keep<T>(
    meta: Metadata,
    located: Payload[] | undefined,
    lease: ObjectId,
    mode: ReadMode,
    decode: Decode<T>
  ): Promise<ReadObject<T>> {
    let value: ReadObject<T>
    try {
      const payloads = located ?? (await locateBlobs(this.#connection, this.#blobsOf(meta)))
      if (payloads.length === 0 || this.#copies(payloads, mode)) {
        value = this.#value(meta, payloads, decode)
      } else {
        this.#returns.take()
        const object = { id: lease, owner: ownIdentity(), address: this.#connection.address }
        return this.#value(meta, payloads, decode, {
          giveBack: () => this.#returns.giveBack([lease]),
          keeper: { hold: () => native.hold(lease), object, home: undefined }
        })
      }
    } catch (error) {
      await this.#deleteLease(lease)
      throw error
    }
    this.#returns.take()
    this.#returns.giveBack([lease])
    return value
  }

  async #deleteLease(id: ObjectId): Promise<void> {
    await deleteData(this.#connection, [id], { force: false, deep: true }).catch(() => {})
  }

  #copies(payloads: readonly Payload[], mode: ReadMode): boolean {
    return mode === 'copy' || (mode === 'auto' && !this.#budget.admits(totalBytes(payloads)))
  }

  /** The value over leased memory when there is a lease, over copies otherwise. */
  #value<T>(
    meta: Metadata,
    payloads: readonly Payload[],
    decode: Decode<T>,
    leased?: { giveBack: () => void; keeper: LeaseKeeper }
  ): ReadObject<T> {
    const bytes = totalBytes(payloads)
    const { instanceId } = this.#connection.info
    this.#bytesSinceStatus += bytes
    // Nothing to look at in shared memory means nothing to keep.
    if (leased === undefined || bytes === 0) {
      leased?.giveBack()
      const context = new ObjectReadContext(copyBlobs(this.#connection, payloads), undefined, instanceId)
      return { value: decode(meta, context), bytes, leased: false }
    }
    const { giveBack, keeper } = leased
    return this.#leased(bytes, regionsOf(this.#connection, payloads), giveBack, lease => {
      const { bytes: blobs, views, places } = viewBlobs(this.#connection, payloads)
      const made = lease(views)
      made.source = { keeper, open: () => ({ meta, parts: blobs }), instanceId, places, decode }
      return decode(meta, new ObjectReadContext(blobs, made, instanceId))
    })
  }

  /** A value over leased memory. `giveBack` runs once: when the lease ends, or now if the value cannot be made. */
  #leased<T>(
    bytes: number,
    regions: readonly Region[],
    giveBack: () => void,
    make: (lease: (views: readonly ArrayBuffer[]) => Lease) => T
  ): ReadObject<T> {
    const giveBackOnce = giveBackOnceTo(this.#account, bytes, regions, giveBack)
    let lease: Lease | undefined
    try {
      return { value: make(views => (lease = new Lease(views, giveBackOnce))), bytes, leased: true }
    } catch (error) {
      lease?.end()
      giveBackOnce(false)
      throw error
    }
  }

  /** A vineyardd tells how full it is only when asked; asking once for every 1/32 of its size is enough. */
  async #refreshReport(mode: ReadMode): Promise<void> {
    if (mode !== 'auto' || this.#bytesSinceStatus < this.#statusEvery) return
    this.#bytesSinceStatus = 0
    const { memoryUsage: usage, memoryLimit: limit } = await instanceStatus(this.#connection)
    this.#statusEvery = limit / 32
    this.#budget.observe({ usage, limit, readers: 0 })
  }
}

/**
 * Charges the account, and answers what ends that. A function of its own: a closure keeps all variables of the function it
 * was made in alive that any closure there uses, and this one, which outlives the lease, must not keep the lease, or no
 * chunk would ever be collected.
 */
function giveBackOnceTo(
  account: LeaseAccount,
  bytes: number,
  regions: readonly Region[],
  giveBack: () => void
): (collected: boolean) => void {
  let returned = false
  for (const region of regions) region.retain()
  account.take(bytes)
  return collected => {
    if (returned) return
    returned = true
    account.giveBack(bytes, collected)
    giveBack()
    for (const region of regions) region.drop()
  }
}
