import type { Readable, Writable } from 'node:stream'

/** A core Readable whose chunks are known, to `for await` and `pipeline` too. */
export type TypedReadable<Out> = TypedReads<Out> & Readable & AsyncIterable<Out>

/** What Node's own types leave open. Comes before them, where the first overload that fits is taken. */
interface TypedReads<Out> {
  read(size?: number): Out | null
  toArray(options?: { signal?: AbortSignal }): Promise<Out[]>
  iterator(options?: { destroyOnReturn?: boolean }): NodeJS.AsyncIterator<Out>
  on(event: 'data', listener: (chunk: Out) => void): this
  /** What comes is text from here on. */
  setEncoding(encoding: BufferEncoding): Readable
}

/** A core Writable that takes chunks of one type. */
export interface TypedWritable<In> extends Writable {
  write(chunk: In | NodeBytes, callback?: Done): boolean
  write(chunk: In | NodeBytes, encoding: BufferEncoding, callback?: Done): boolean
  end(callback?: () => void): this
  end(chunk: In | NodeBytes, callback?: () => void): this
  end(chunk: In | NodeBytes, encoding: BufferEncoding, callback?: () => void): this
}

/** Without these, which Node's types let every Writable take, it could not be given to `pipeline`. */
type NodeBytes = Uint8Array | string

type Done = (error?: Error | null) => void
