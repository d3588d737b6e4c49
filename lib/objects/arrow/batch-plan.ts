import { Bool, Struct, Type } from 'apache-arrow'
import type { Data, DataType, RecordBatch, Schema } from 'apache-arrow'
import type { HandleOwner, LeaseHandle } from '../../memory/lease.js'
import { blobKey, varKey, type Template } from '../../protocol/template.js'
import type { Metadata, ReadContext } from '../model.js'
import { bitmapBytes } from './bitmap.js'
import { keepsNumbers } from './cast.js'
import { lazyBatch, type BatchSource } from './lazy-batch.js'
import { makeColumn } from './leased-data.js'
import { primitiveNamed, storageOf } from './primitive-types.js'
import { readSchema } from './schema-proxy.js'

type Node = Readonly<Record<string, unknown>>
type Values = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NodeJS.TypedArray

/** Where a column's numbers stand among the variables, and its buffers among the blobs. */
interface ColumnPlan {
  type: DataType
  /** Undefined for bits. */
  Values: Values | undefined
  /** Bytes of a value; 0 for bits. */
  width: number
  length: number
  offset: number
  nullCount: number
  values: number
  bitmap: number
}

/**
 * How the chunks of one template become record batches, without metadata for each. For batches whose columns are numbers,
 * times and booleans; others, and whatever looks odd, are read like any object, which says what is wrong with them.
 */
export class BatchPlan {
  readonly schema: Schema
  readonly #struct: Struct
  readonly #vars: number
  readonly #rows: number
  readonly #columns: readonly ColumnPlan[]

  private constructor(schema: Schema, vars: number, rows: number, columns: readonly ColumnPlan[]) {
    this.schema = schema
    this.#struct = new Struct(schema.fields)
    this.#vars = vars
    this.#rows = rows
    this.#columns = columns
  }

  static of(template: Template): BatchPlan | undefined {
    const { skeleton } = template
    const rows = numberOf(skeleton['row_num_'], varKey)
    const proxy = skeleton['schema_'] as Node | undefined
    const isBatch = skeleton['typename'] === 'vineyard::RecordBatch'
    if (!isBatch || rows === undefined || proxy?.['typename'] !== 'vineyard::SchemaProxy') return undefined
    let schema: Schema
    try {
      schema = readSchema(proxy as Metadata, noContext)
    } catch {
      return undefined
    }
    const columns: ColumnPlan[] = []
    for (const [index, field] of schema.fields.entries()) {
      const column = planColumn(skeleton[`__columns_-${index}`], field.type)
      if (column === undefined) return undefined
      columns.push(column)
    }
    if (`__columns_-${columns.length}` in skeleton) return undefined
    return new BatchPlan(schema, template.vars, rows, columns)
  }

  /**
   * The batch in the bytes of a chunk. `numbers` are its variables and spans, which count from byte `base` of `bytes`, memory of `owner`.
   * Undefined where they are not as this plan expects them.
   */
  read(
    bytes: Uint8Array,
    numbers: ArrayLike<unknown>,
    base: number,
    owner: HandleOwner | undefined
  ): RecordBatch | undefined {
    const rows = numbers[this.#rows] as number
    if (!Number.isSafeInteger(rows) || rows < 0 || rows >= 2 ** 31) return undefined
    const size = bytes.byteLength - base
    for (const column of this.#columns) {
      const nulls = numbers[column.nullCount] as number
      if (numbers[column.length] !== rows || numbers[column.offset] !== 0) return undefined
      if (!Number.isSafeInteger(nulls) || nulls < 0 || nulls > rows) return undefined
      const needed = column.width === 0 ? bitmapBytes(rows) : rows * column.width
      if (!this.#holds(numbers, column.values, needed, size)) return undefined
      if (nulls > 0 && !this.#holds(numbers, column.bitmap, bitmapBytes(rows), size)) return undefined
    }
    return lazyBatch(new PlannedColumns(this, bytes, numbers, base), rows, owner?.handle())
  }

  /** @internal The struct of the columns, when they are wanted. */
  columns(
    bytes: Uint8Array,
    numbers: ArrayLike<unknown>,
    base: number,
    handle: LeaseHandle | undefined
  ): Data {
    const rows = numbers[this.#rows] as number
    // The buffers are gone, and what looks at them finds out before it does.
    const gone = handle?.released === true
    const { buffer } = bytes
    const first = bytes.byteOffset + base
    const start = (blob: number): number => first + (numbers[this.#vars + 2 * blob] as number)
    const children = this.#columns.map(({ type, Values, values, bitmap, nullCount: nulls }) => {
      const nullCount = numbers[nulls] as number
      const nullBitmap =
        nullCount > 0 && !gone ? new Uint8Array(buffer, start(bitmap), bitmapBytes(rows)) : undefined
      return makeColumn(handle, {
        type,
        length: rows,
        // A writer's count could be false: it is counted when somebody asks.
        nullCount: nullCount > 0 ? -1 : 0,
        buffers: [undefined, gone ? undefined : valuesOf(buffer, start(values), rows, Values), nullBitmap]
      })
    })
    return makeColumn(handle, { type: this.#struct, length: rows, nullCount: 0, buffers: [], children })
  }

  /** Whether a blob lies within the chunk, on a boundary that all values can be read from, and is long enough. */
  #holds(numbers: ArrayLike<unknown>, blob: number, needed: number, size: number): boolean {
    const at = numbers[this.#vars + 2 * blob] as number
    const length = numbers[this.#vars + 2 * blob + 1] as number
    return at >= 0 && at % 8 === 0 && length >= needed && at + length <= size
  }
}

/** The columns of one chunk. */
class PlannedColumns implements BatchSource {
  readonly #plan: BatchPlan
  readonly #bytes: Uint8Array
  readonly #numbers: ArrayLike<unknown>
  readonly #base: number

  constructor(plan: BatchPlan, bytes: Uint8Array, numbers: ArrayLike<unknown>, base: number) {
    this.#plan = plan
    this.#bytes = bytes
    this.#numbers = numbers
    this.#base = base
  }

  get schema(): Schema {
    return this.#plan.schema
  }

  columns(handle: LeaseHandle | undefined): Data {
    return this.#plan.columns(this.#bytes, this.#numbers, this.#base, handle)
  }
}

function valuesOf(
  buffer: ArrayBufferLike,
  start: number,
  rows: number,
  Values: Values | undefined
): NodeJS.TypedArray {
  return Values === undefined
    ? new Uint8Array(buffer, start, bitmapBytes(rows))
    : new Values(buffer, start, rows)
}

function planColumn(node: unknown, type: DataType): ColumnPlan | undefined {
  const { typename, ...members } = (node ?? {}) as Node
  const plan = {
    type,
    length: numberOf(members['length_'], varKey),
    offset: numberOf(members['offset_'], varKey),
    nullCount: numberOf(members['null_count_'], varKey),
    values: numberOf(members['buffer_'], blobKey),
    bitmap: numberOf(members['null_bitmap_'], blobKey)
  }
  if (Object.values(plan).includes(undefined)) return undefined
  const known = plan as Omit<ColumnPlan, 'Values' | 'width'>
  if (typename === 'vineyard::BooleanArray') {
    return type.typeId === new Bool().typeId ? { ...known, Values: undefined, width: 0 } : undefined
  }
  const name = /^vineyard::NumericArray<(.+)>$/.exec(String(typename))?.[1] ?? ''
  const stored = primitiveNamed(name)
  if (stored === undefined || stored.typeId === Type.Null || !keepsNumbers(stored, type)) return undefined
  const width = storageOf(stored)?.width ?? 0
  return { ...known, Values: stored.ArrayType as unknown as Values, width }
}

function numberOf(node: unknown, key: string): number | undefined {
  const value = (node as Node | undefined)?.[key]
  return typeof value === 'number' ? value : undefined
}

function refuse(): never {
  throw new Error('the schema of a plan has no blob')
}

const noContext: ReadContext = {
  blob: refuse,
  member: refuse,
  read: refuse,
  handle: undefined,
  newHandle: () => undefined
}
