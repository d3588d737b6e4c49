import type { PackedLayout, PlacedLayout } from '../client/packed-layout.js'
import type { Draft } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'

/** A chunk that is on its way: filled, and to be pushed before everything that is sent after it. */
export interface Sent {
  /** Bytes it counts with in the window. */
  bytes: number
  /** Its id, where the server has accepted it already. */
  id: ObjectId | undefined
  /** What it was made of, where nobody else would free that; filled in until it is accepted. */
  parts?: readonly ObjectId[] | undefined
  /** Resolves when the server has accepted it. */
  accepted: Promise<ObjectId>
}

/** How the chunks of a writer reach its stream: step by step, or many in one request. */
export interface ChunkSender {
  /** Bytes that the chunk of a draft will count with: what the window must have room for. */
  bytesOf(draft: Draft): number
  /** Makes the chunk of a draft. Waits for memory. What it made is freed again if it fails. */
  send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent>
  /** Sends a chunk if there is a place for it already. Answers its bytes, or undefined if there is none. */
  trySend?(layout: PackedLayout): number | undefined
  /** The same where somebody waits for the chunk to be accepted. */
  trySendAwaited?(layout: PackedLayout): Sent | undefined
  /** The same with waiting for memory; undefined where the server takes no more forms of chunks for this stream. */
  sendPacked?(layout: PackedLayout, signal: AbortSignal): Promise<Sent | undefined>
  /** Makes a chunk of memory that was filled in place, where the server can do that. */
  readonly sendPlaced?: {
    canSend(template: string): boolean
    send(layout: PlacedLayout, memory: Payload): Promise<Sent>
  }
  /** Memory of exactly `size` bytes to be filled in place, for `sendBlob` or `sendPlaced`. Waits for it. */
  allocate?(size: number, signal: AbortSignal): Promise<Payload>
  /** An object that exists, with the bytes that it counts with. */
  sendObject(id: ObjectId, bytes: number, signal: AbortSignal): Promise<Sent>
  /** A blob of this writer's connection that has been filled and not sealed. */
  sendBlob(blob: Payload): Promise<Sent>
  /** Resolves when nothing is under way any more, where the writer has to wait for that before it closes its connection. */
  idle?(): Promise<void>
  /** Resolves when everything that was sent has been accepted; rejects if something was not. */
  drain(): Promise<void>
  /** Lets go of memory that was taken in advance. */
  close(): void
  /** Called when a chunk whose acceptance nobody waits for was refused. */
  onFailed: (error: unknown) => void
}
