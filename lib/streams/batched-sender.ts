import { BlockPool } from '../client/block-pool.js'
import { fillLayout } from '../client/compact-layout.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { BlobLayout, type PackedLayout, type PlacedLayout } from '../client/packed-layout.js'
import { writeChunks } from '../client/requests/chunks.js'
import { SlotPool } from '../client/slot-pool.js'
import { SlotTarget } from '../client/slot-target.js'
import { BlobDraft, ObjectDraft, type Draft } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import { LaidOut } from './laid-out.js'
import { Outbox } from './outbox.js'
import { StepwiseSender } from './stepwise-sender.js'

/** The store takes no more forms for one stream; a chunk of yet another form goes step by step. */
const maxTemplates = 256
/** The number that stands for a blob, which has no template. */
const noTemplate = -1
/** The first chunk goes at once. While a request is under way others are gathered, up to so many, or so many bytes. */
const gatherChunks = 32
const gatherBytes = 16 * 2 ** 20
/** More requests under way would only be shorter. */
const maxUnderWay = 3

/** Many chunks in one request of the extension, in memory that was allocated ahead. */
export class BatchedSender implements ChunkSender {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #blocks: BlockPool
  readonly #slots: SlotPool
  /** Memory for what is filled in place, which has other sizes. */
  readonly #places: SlotPool
  readonly #stepwise: StepwiseSender
  readonly #templates = new Map<string, number>()
  readonly #layouts = new WeakMap<Draft, LaidOut | undefined>()
  readonly #unsubscribe: () => void
  /** The template that was used last, which is nearly always the next one. */
  #lastText = ''
  #lastTemplate = -1
  #outbox = new Outbox()
  #underWay = 0
  #failure: { error: unknown } | undefined
  /** Whether somebody waited for memory while chunks were on their way. */
  #wanted = false
  /** The request that was sent last: when it has been answered, all before it have. */
  #last: Promise<void> = Promise.resolve()

  /** Called when a chunk whose acceptance nobody waits for was refused. */
  onFailed: (error: unknown) => void = () => {}

  constructor(connection: Connection, stream: ObjectId, memoryLimit: number, counters: Counters) {
    this.#connection = connection
    this.#stream = stream
    this.#blocks = new BlockPool(connection, memoryLimit)
    this.#slots = new SlotPool(connection, memoryLimit, counters)
    this.#places = new SlotPool(connection, memoryLimit, counters)
    this.#stepwise = new StepwiseSender(connection, stream, counters)
    this.#unsubscribe = connection.onEvent(event => {
      if (event.event === 'memory_wanted') this.#giveUp()
    })
  }

  /** Somebody waits for memory. What is in use for chunks that are on their way is given up when they have arrived. */
  #giveUp(): void {
    const idle = this.#underWay === 0 && this.#outbox.count === 0
    this.#wanted = !idle
    this.#blocks.giveUpUnused(idle)
    this.#slots.giveUpUnused()
    this.#places.giveUpUnused()
  }

  /** Sends a chunk if there is a place for it already. Answers its bytes, or undefined if there is none. */
  trySend(layout: PackedLayout): number | undefined {
    if (!this.#place(layout)) return undefined
    this.#posted()
    return layout.bytes
  }

  /** The same where somebody waits for the chunk to be accepted. */
  trySendAwaited(layout: PackedLayout): Sent | undefined {
    return this.#place(layout) ? this.#sent(layout.bytes) : undefined
  }

  /** Puts a chunk into the outbox if there is memory for it already. */
  #place(layout: PackedLayout): boolean {
    const { size } = layout
    const template = this.#template(layout.template)
    if (template === undefined) return false
    if (this.#blocks.suits(size)) return this.#addToBlock(layout, template)
    const slot = this.#slots.take(size, template === noTemplate)
    if (slot === undefined) return false
    this.#writeOwn(layout, slot, template)
    return true
  }

  bytesOf(draft: Draft): number {
    const laidOut = this.#layOut(draft)
    return laidOut !== undefined && this.#takes(laidOut.text) ? laidOut.bytes : this.#stepwise.bytesOf(draft)
  }

  async send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent> {
    const sent = await this.#sendLaidOut(draft, signal)
    if (sent !== undefined) return sent
    this.#flush()
    return this.#stepwise.send(draft, bytes, signal)
  }

  /** Undefined for what has to be made step by step. */
  async #sendLaidOut(draft: Draft, signal: AbortSignal): Promise<Sent | undefined> {
    if (draft instanceof BlobDraft && draft.size > 0) return this.sendPacked(new BlobLayout(draft), signal)
    const laidOut = this.#layOut(draft)
    if (laidOut === undefined) return undefined
    const { packed } = laidOut
    return packed ? this.sendPacked(packed, signal) : this.#sendCompact(laidOut, signal)
  }

  /** Waits for memory. Undefined where the store takes no more templates. */
  async sendPacked(layout: PackedLayout, signal: AbortSignal): Promise<Sent | undefined> {
    const { size } = layout
    const template = this.#template(layout.template)
    if (template === undefined) return undefined
    if ((await this.#placeInBlock(size)) && this.#addToBlock(layout, template))
      return this.#sent(layout.bytes)
    this.#writeOwn(layout, await this.#slot(size, template === noTemplate, signal), template)
    return this.#sent(layout.bytes)
  }

  async allocate(size: number, signal: AbortSignal): Promise<Payload> {
    return this.#takeFrom(this.#places, size, true, signal)
  }

  readonly sendPlaced = {
    canSend: (template: string): boolean => this.#template(template) !== undefined,
    send: async ({ template, vars, spans }: PlacedLayout, memory: Payload): Promise<Sent> => {
      const number = this.#template(template) as number
      this.#outbox.addCompact(memory.id, number, vars, spans, memory.size)
      return this.#sent(memory.size)
    }
  }

  async sendObject(id: ObjectId, bytes: number, signal: AbortSignal): Promise<Sent> {
    this.#flush()
    return this.#stepwise.sendObject(id, bytes, signal)
  }

  async sendBlob(blob: Payload): Promise<Sent> {
    this.#outbox.addBlob(blob.id, blob.size)
    return this.#sent(blob.size)
  }

  async drain(): Promise<void> {
    this.#flush()
    while (this.#underWay > 0) await this.#last
    if (this.#failure !== undefined) throw this.#failure.error
  }

  close(): void {
    this.#unsubscribe()
    this.#blocks.close()
  }

  async #sendCompact({ layout, text, bytes }: LaidOut, signal: AbortSignal): Promise<Sent | undefined> {
    const template = this.#template(text)
    if (template === undefined) return undefined
    const slot = await this.#slot(bytes, false, signal)
    fillLayout(layout, new SlotTarget(this.#connection, slot), 0)
    this.#outbox.addCompact(slot.id, template, layout.vars, layout.spans, bytes)
    return this.#sent(bytes)
  }

  /** False if no block has come. */
  #addToBlock(layout: PackedLayout, template: number): boolean {
    const { size } = layout
    const place = this.#blocks.take(size)
    if (place === undefined) return false
    layout.write(place.memory, place.at)
    this.#outbox.addToBlock(place.memory.payload.id, template, place.at, size)
    return true
  }

  /** What the slot has more than the chunk needs does not count: the window was asked for the chunk. */
  #writeOwn(layout: PackedLayout, slot: Payload, template: number): void {
    layout.write(new SlotTarget(this.#connection, slot), 0)
    if (template === noTemplate) this.#outbox.addBlob(slot.id, layout.size)
    else this.#outbox.addPacked(slot.id, template, layout.size)
  }

  /** The layout of a draft, made once though it is asked for twice; undefined for what cannot be a compact chunk. */
  #layOut(draft: Draft): LaidOut | undefined {
    if (!(draft instanceof ObjectDraft)) return undefined
    if (this.#layouts.has(draft)) return this.#layouts.get(draft)
    const laidOut = LaidOut.of(draft, this.#connection.info.instanceId)
    this.#layouts.set(draft, laidOut)
    return laidOut
  }

  #takes(template: string): boolean {
    return this.#templates.has(template) || this.#templates.size < maxTemplates
  }

  /** Whether the chunk belongs into a block and there is one; waits for a block that is on its way. */
  async #placeInBlock(size: number): Promise<boolean> {
    if (!this.#blocks.suits(size)) return false
    if (!this.#blocks.hasRoom(size)) {
      this.#flush()
      await this.#blocks.ready()
    }
    return this.#blocks.hasRoom(size)
  }

  async #slot(size: number, exact: boolean, signal: AbortSignal): Promise<Payload> {
    return this.#takeFrom(this.#slots, size, exact, signal)
  }

  async #takeFrom(pool: SlotPool, size: number, exact: boolean, signal: AbortSignal): Promise<Payload> {
    const slot = pool.take(size, exact)
    if (slot !== undefined) return slot
    // What is gathered must not stand behind a request that waits for memory: its chunks may be what frees it.
    this.#flush()
    return pool.waitFor(size, exact, signal)
  }

  #template(text: string | undefined): number | undefined {
    if (text === undefined) return noTemplate
    if (text === this.#lastText) return this.#lastTemplate
    let number = this.#templates.get(text)
    if (number === undefined) {
      if (this.#templates.size >= maxTemplates) return undefined
      number = this.#templates.size
      this.#templates.set(text, number)
      this.#outbox.addTemplate(text)
    }
    this.#lastText = text
    this.#lastTemplate = number
    return number
  }

  #sent(bytes: number): Sent {
    const accepted = new Promise<ObjectId>((resolve, reject) =>
      this.#outbox.waiters.push({ index: this.#outbox.count - 1, resolve, reject })
    )
    // Whoever waits for it sees the error; if nobody does, drain() does.
    accepted.catch(() => {})
    this.#posted()
    return { bytes, id: undefined, accepted }
  }

  #posted(): void {
    const { count, bytes } = this.#outbox
    if (this.#underWay === 0) this.#flush()
    else if (this.#underWay < maxUnderWay && (count >= gatherChunks || bytes >= gatherBytes)) this.#flush()
  }

  #flush(): void {
    const outbox = this.#outbox
    if (outbox.count === 0) return
    this.#outbox = new Outbox()
    this.#underWay += 1
    const pools = [this.#slots, this.#places].flatMap(pool => {
      const wanted = pool.want()
      return wanted === undefined ? [] : [{ pool, wanted }]
    })
    const slots = pools.map(({ wanted }) => wanted)
    const request = outbox.request(this.#stream, this.#blocks.takeDone(), slots)
    const asked = outbox.waiters.length > 0 ? outbox.count : 0
    this.#last = writeChunks(this.#connection, request, asked, slots).then(
      ({ ids, slots: made }) => {
        this.#underWay -= 1
        pools.forEach(({ pool }, index) => pool.arrived(made[index] ?? []))
        this.#flush()
        if (this.#wanted && this.#underWay === 0) this.#giveUp()
        for (const { resolve, index } of outbox.waiters) resolve(ids[index] as ObjectId)
      },
      (error: unknown) => {
        this.#underWay -= 1
        for (const { pool } of pools) pool.arrived([])
        this.#failure ??= { error }
        this.#flush()
        for (const { reject } of outbox.waiters) reject(error)
        this.onFailed(error)
      }
    )
  }
}
