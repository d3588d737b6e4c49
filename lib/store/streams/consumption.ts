import type { Blob } from '../blob.js'
import type { HeapShare } from '../heap-share.js'
import type { Peer } from '../peer.js'
import { isFilling } from '../../protocol/window.js'
import type { Seat } from './seat.js'
import type { Chunk, QueuedChunk, Stream } from './stream.js'

/** Deletes a chunk with everything that belongs to it. `reader` is a foreign one that may still look at it. */
export type DeleteChunk = (chunk: Chunk, reader?: Peer) => void

/**
 * Counts how many readers still need a chunk: the last one deletes it, and the writer is told. Where slow readers miss
 * chunks the writer's window counts a chunk until it has been given to everybody, otherwise until everybody has left it.
 */
export class Consumption {
  readonly #deleteChunk: DeleteChunk
  readonly #keepBlock: (reader: Peer, block: Blob) => void
  readonly #heap: HeapShare

  /** `keepBlock` keeps the memory of a block until the end of a connection. */
  constructor(deleteChunk: DeleteChunk, keepBlock: (reader: Peer, block: Blob) => void, heap: HeapShare) {
    this.#deleteChunk = deleteChunk
    this.#keepBlock = keepBlock
    this.#heap = heap
  }

  /** One more seat has been given the chunk. */
  delivered(stream: Stream, chunk: QueuedChunk): void {
    chunk.taken = true
    this.#passed(stream, chunk)
  }

  /** One more seat has done with the chunk. */
  left(stream: Stream, chunk: QueuedChunk, reader?: Peer): void {
    // A reader without shared memory has its own copy.
    if (reader?.extension === 0 && reader.carriesFds) chunk.foreign = reader
    chunk.seats -= 1
    if (chunk.seats > 0) return
    stream.chunks -= 1
    this.#heap.count(-stream.placeBytes)
    this.#deleteChunk(chunk, chunk.foreign?.closed === false ? chunk.foreign : undefined)
    if (stream.sharing.policy !== 'drop') this.#count(stream, chunk)
  }

  /** The chunk has come into no line. */
  discard(chunk: Chunk): void {
    this.#deleteChunk(chunk)
  }

  /** A seat gives up everything it has and would have got. What its reader is still to copy out of a block stays. */
  clear(stream: Stream, seat: Seat): void {
    for (let held = seat.held.shift(); held; held = seat.held.shift()) {
      const { chunk, reader } = held
      if (chunk.block && seat.readers.has(reader)) this.#keepBlock(reader, chunk.block)
      this.left(stream, chunk)
    }
    while (this.skip(stream, seat));
  }

  /** A seat does without the next chunk. False if there is none. */
  skip(stream: Stream, seat: Seat): boolean {
    const chunk = seat.ready.shift()
    if (!chunk) return false
    this.#passed(stream, chunk)
    this.left(stream, chunk)
    return true
  }

  /** Tells the connection that writes how much has been consumed, if that is more than it knows and it waits or soon may. */
  tell(stream: Stream, waits: boolean): void {
    const { id, opener, consumedChunks: chunks, consumedBytes: bytes } = stream
    if (chunks === stream.toldChunks || !opener || opener.extension === 0 || opener.closed) return
    if (!waits && !mayWait(stream)) return
    stream.toldChunks = chunks
    stream.toldBytes = bytes
    opener.notify({ event: 'stream_consumed', id, chunks, bytes })
  }

  /** One more seat has been given the chunk, or never will be. What no reader has had was not read. */
  #passed(stream: Stream, chunk: QueuedChunk): void {
    chunk.undelivered -= 1
    if (chunk.undelivered > 0) return
    if (stream.sharing.policy === 'drop') this.#count(stream, chunk)
    if (chunk.counted || !chunk.taken) return
    chunk.counted = true
    stream.readChunks += 1
    stream.readBytes += chunk.bytes
  }

  #count(stream: Stream, chunk: QueuedChunk): void {
    stream.consumedChunks += 1
    stream.consumedBytes += chunk.bytes
  }
}

/** Whether the window, as far as its writer knows, is filling. */
function mayWait({ window, sharing, pushedChunks, pushedBytes, toldChunks, toldBytes }: Stream): boolean {
  if (!window || sharing.policy !== 'wait') return true
  return isFilling(window, pushedChunks - toldChunks, pushedBytes - toldBytes)
}
