import { fileURLToPath } from 'node:url'
import type { RecordBatch } from 'apache-arrow'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { seedBatch, valuesOf } from '../support/batches.js'

/** Real data: files of vega-datasets. */
export function dataset(name: string): string {
  return fileURLToPath(new URL(`../../../node_modules/vega-datasets/data/${name}`, import.meta.url))
}

/** A stream as its two ends see it. */
export interface Ends<Stream> {
  out: Stream
  into: Stream
}

/** A store with a producer and a consumer, for one suite. */
export class Session {
  store!: Store
  producer!: Client
  consumer!: Client

  /** Starts before the suite, ends after it. */
  static forSuite(): Session {
    const session = new Session()
    before(async () => {
      session.store = await Store.start({ size: '64Mi' })
      session.producer = await connect(session.store.socket)
      session.consumer = await connect(session.store.socket)
    })
    after(async () => {
      await Promise.all([session.producer?.close(), session.consumer?.close()])
      await session.store?.close()
    })
    return session
  }

  async batches(): Promise<Ends<RecordBatchStream>> {
    const out = await RecordBatchStream.create(this.producer)
    return { out, into: await this.consumer.get(out.id) }
  }

  async bytes(): Promise<Ends<ByteStream>> {
    const out = await ByteStream.create(this.producer)
    return { out, into: await this.consumer.get(out.id) }
  }
}

/** Batches that tell one from another. */
export function* someBatches(count: number): Generator<RecordBatch> {
  for (let index = 0; index < count; index += 1) yield seedBatch(index, 100)
}

/** What `someBatches` holds. */
export function someValues(count: number): unknown[] {
  return Array.from(someBatches(count), valuesOf)
}

/** The values of a batch, which is released. */
export function taken(batch: RecordBatch): Record<string, unknown[]> {
  const values = valuesOf(batch)
  release(batch)
  return values
}

/** The rows of a batch as plain objects, which is released. */
export function takenRows(batch: RecordBatch): Record<string, unknown>[] {
  const rows = batch.toArray().map(row => (row as { toJSON(): Record<string, unknown> }).toJSON())
  release(batch)
  return rows
}
