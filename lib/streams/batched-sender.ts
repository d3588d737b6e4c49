import { compactLayout, fillLayout, type CompactLayout } from '../client/compact-layout.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { writeChunks, type WrittenChunk } from '../client/requests.js'
import { SlotPool } from '../client/slot-pool.js'
import { BlobDraft, ObjectDraft, type Draft } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import { StepwiseSender } from './stepwise-sender.js'

/** The store takes no more forms for one stream; a chunk of yet another form goes step by step. */
const maxTemplates = 256

interface Waiting {
  chunk: WrittenChunk
  resolve: (id: ObjectId) => void
  reject: (error: unknown) => void
}

/** Many chunks in one request of the extension, each in one blob that was allocated ahead. */
export class BatchedSender implements ChunkSender {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #slots: SlotPool
  readonly #stepwise: StepwiseSender
  readonly #templates = new Map<string, number>()
  /** Templates that the store does not know yet. */
  #newTemplates: string[] = []
  #outbox: Waiting[] = []
  /** A request is under way: what is posted meanwhile is gathered, which measured better than a second request. */
  #underWay = false
  /** The last chunk that was sent: when it has been accepted, all before it have. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: Connection, stream: ObjectId, counters: Counters) {
    this.#connection = connection
    this.#stream = stream
    this.#slots = new SlotPool(connection, counters)
    this.#stepwise = new StepwiseSender(connection, stream, counters)
  }

  async send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent> {
    if (draft instanceof BlobDraft && draft.size > 0) {
      // A chunk that is a blob has exactly the size of its blob.
      const slot = await this.#slot(draft.size, true, signal)
      this.#fill(slot, target => draft.fill(target))
      return this.#post([-1, slot.id], slot.size)
    }
    const layout =
      draft instanceof ObjectDraft ? compactLayout(draft, this.#connection.info.instanceId) : undefined
    const template = layout === undefined ? undefined : this.#template(layout.text)
    if (layout === undefined || template === undefined) {
      this.#flush()
      return this.#stepwise.send(draft, bytes, signal)
    }
    return this.#sendCompact(layout, template, signal)
  }

  async sendObject(id: ObjectId): Promise<Sent> {
    this.#flush()
    return this.#stepwise.sendObject(id)
  }

  async sendBlob(blob: Payload): Promise<Sent> {
    return this.#post([-1, blob.id], blob.size)
  }

  async drain(): Promise<void> {
    this.#flush()
    await this.#last
  }

  async #sendCompact(layout: CompactLayout, template: number, signal: AbortSignal): Promise<Sent> {
    // Even a chunk without a byte needs a blob, which is what the store hands on.
    const slot = await this.#slot(Math.max(layout.size, 1), false, signal)
    this.#fill(slot, target => fillLayout(layout, target))
    return this.#post([template, slot.id, layout.vars, layout.spans], slot.size)
  }

  async #slot(size: number, exact: boolean, signal: AbortSignal): Promise<Payload> {
    const slot = this.#slots.take(size, exact)
    if (slot !== undefined) return slot
    // What is gathered must not stand behind a request that waits for memory: its chunks may be what frees it.
    this.#flush()
    return this.#slots.make(size, signal)
  }

  #fill(slot: Payload, fill: (target: Uint8Array) => void): void {
    this.#connection.descriptors.region(slot).write(slot.offset, slot.size, fill)
  }

  #template(text: string): number | undefined {
    const known = this.#templates.get(text)
    if (known !== undefined || this.#templates.size >= maxTemplates) return known
    const number = this.#templates.size
    this.#templates.set(text, number)
    this.#newTemplates.push(text)
    return number
  }

  #post(chunk: WrittenChunk, bytes: number): Sent {
    const accepted = new Promise<ObjectId>((resolve, reject) => this.#outbox.push({ chunk, resolve, reject }))
    // Whoever waits for it sees the error; if nobody does, drain() does.
    accepted.catch(() => {})
    this.#last = Promise.all([this.#last, accepted])
    this.#last.catch(() => {})
    if (!this.#underWay) this.#flush()
    return { bytes, id: undefined, accepted }
  }

  #flush(): void {
    if (this.#outbox.length === 0) return
    const sent = this.#outbox
    const templates = this.#newTemplates
    this.#outbox = []
    this.#newTemplates = []
    this.#underWay = true
    writeChunks(
      this.#connection,
      this.#stream,
      templates,
      sent.map(({ chunk }) => chunk)
    ).then(
      ids => {
        this.#underWay = false
        this.#flush()
        sent.forEach(({ resolve }, index) => resolve(ids[index] as ObjectId))
      },
      (error: unknown) => {
        this.#underWay = false
        this.#flush()
        for (const { reject } of sent) reject(error)
      }
    )
  }
}
