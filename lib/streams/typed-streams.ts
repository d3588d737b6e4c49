import type { Readable, Writable } from 'node:stream'

/** A core Readable whose chunks are known, to `for await` and `pipeline` too. */
export type TypedReadable<Out> = TypedReads<Out> & Readable & AsyncIterable<Out>

/** What Node's own types leave open. Comes before them, where the first overload that fits is taken. */
interface TypedReads<Out> {
  /** The next chunk if one is here, otherwise null. */
  read(size?: number): Out | null
  /** All chunks that are left; those of shared memory stay leased until they are released. */
  toArray(options?: { signal?: AbortSignal | undefined }): Promise<Out[]>
  /** Iterates over the chunks. */
  iterator(options?: { destroyOnReturn?: boolean | undefined }): NodeJS.AsyncIterator<Out>
  /** Makes the chunks flow to `listener`. */
  on(event: 'data', listener: (chunk: Out) => void): this
  /** What comes is text from here on. */
  setEncoding(encoding: BufferEncoding): Readable
}

/** A core Writable that takes chunks of one type. */
export interface TypedWritable<In> extends Writable {
  /** Writes a chunk; false while more would have to wait. */
  write(chunk: In | NodeBytes, callback?: Done): boolean
  /** The same with an encoding for texts. */
  write(chunk: In | NodeBytes, encoding: BufferEncoding, callback?: Done): boolean
  /** Finishes the stream. */
  end(callback?: () => void): this
  /** Writes a last chunk and finishes the stream. */
  end(chunk: In | NodeBytes, callback?: () => void): this
  /** The same with an encoding for texts. */
  end(chunk: In | NodeBytes, encoding: BufferEncoding, callback?: () => void): this
}

/** Without these, which Node's types let every Writable take, it could not be given to `pipeline`. */
type NodeBytes = Uint8Array | string

type Done = (error?: Error | null) => void
