import type { Data, RecordBatch, Schema } from 'apache-arrow'
import { leaseOf, type LeaseHandle } from '../../memory/lease.js'
import { RowBatch } from './row-batch.js'

/** Makes the struct of a batch's columns when it is first looked at. */
export interface BatchSource {
  readonly schema: Schema
  columns(handle: LeaseHandle | undefined): Data
}

/**
 * A RecordBatch whose columns are made when somebody looks at them: making them costs more than everything else about a
 * small chunk, and many consumers look at a few columns or at the number of rows. It is no subclass in syntax because the
 * constructor of RecordBatch would make columns of its own; it has the same prototype chain.
 */
class LazyBatch {
  readonly schema: Schema
  readonly [leaseOf]: LeaseHandle | undefined
  readonly #source: BatchSource
  readonly #rows: number
  #data: Data | undefined
  #metadata: Map<string, string> | undefined

  constructor(source: BatchSource, rows: number, handle: LeaseHandle | undefined) {
    this.schema = source.schema
    this[leaseOf] = handle
    this.#source = source
    this.#rows = rows
  }

  get data(): Data {
    return (this.#data ??= this.#source.columns(this[leaseOf]))
  }

  get numRows(): number {
    return this[leaseOf]?.released === true ? 0 : this.#rows
  }

  get _metadata(): Map<string, string> {
    return (this.#metadata ??= new Map())
  }

  [Symbol.dispose](): void {
    this[leaseOf]?.release()
  }
}

Object.setPrototypeOf(LazyBatch.prototype, RowBatch.prototype)
Object.setPrototypeOf(LazyBatch, RowBatch)

/** A batch of `rows` rows. With a handle it can be released. */
export function lazyBatch(source: BatchSource, rows: number, handle: LeaseHandle | undefined): RecordBatch {
  return new LazyBatch(source, rows, handle) as unknown as RecordBatch
}
