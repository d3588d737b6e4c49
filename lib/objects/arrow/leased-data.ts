import { Data } from 'apache-arrow'
import type { DataType, Vector } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import type { LeaseHandle } from '../../memory/lease.js'

/**
 * The buffers of an array as apache-arrow's Data takes them: offsets, values, null bitmap, type ids of a
 * union.
 */
export type ColumnBuffers = [
  valueOffsets?: NodeJS.TypedArray | undefined,
  values?: NodeJS.TypedArray | undefined,
  nullBitmap?: Uint8Array | undefined,
  typeIds?: Int8Array | undefined
]

/**
 * Everything that makes a column, with apache-arrow's meaning: `offset` counts for bitmaps only (see
 * `Data.slice`).
 */
export interface ColumnParts {
  type: DataType
  length: number
  offset?: number
  /** -1: to be counted from the bitmap when it is asked for. */
  nullCount: number
  buffers: ColumnBuffers
  children?: Data[]
  dictionary?: Vector | undefined
}

// The declared constructor types each buffer after the type parameter, which no caller here knows.
type DataArguments = ConstructorParameters<typeof Data>

/**
 * Arrow data in leased memory. Every buffer is checked when it is read, so that after a release anything made
 * from it before (vectors, rows, slices, selections) throws ERR_VINEYARD_RELEASED. Without the check, a
 * detached buffer would read as undefined, and a bit of undefined as false.
 */
export class LeasedData<T extends DataType = DataType> extends Data<T> {
  declare readonly handle: LeaseHandle
  // Set through the accessors below by the constructor of Data, hence not fields of this class.
  declare rows: number
  declare sharedValues: unknown
  declare sharedOffsets: unknown
  declare sharedBitmap: unknown
  declare sharedTypeIds: unknown

  constructor(handle: LeaseHandle, ...args: DataArguments) {
    super(...(args as unknown as ConstructorParameters<typeof Data<T>>))
    this.handle = handle
  }

  override clone<R extends DataType = T>(
    type: R = this.type as unknown as R,
    offset = this.offset,
    length = this.length,
    nullCount: number = this.nullCountOrUnknown,
    buffers: unknown = this,
    children: Data[] = this.children,
    variadicBuffers: readonly Uint8Array[] = this.variadicBuffers
  ): Data<R> {
    const args = [type, offset, length, nullCount, buffers, children, this.dictionary, variadicBuffers]
    return new LeasedData<R>(this.handle, ...(args as unknown as DataArguments))
  }

  override getValid(index: number): boolean {
    this.handle.check()
    return super.getValid(index)
  }

  /** Refused: the memory is mapped read-only, and the write behind this would end the process. */
  override setValid(): never {
    throw new VineyardError(
      'ERR_VINEYARD_SEALED',
      'values in shared memory cannot be changed; copy them first'
    )
  }

  private get nullCountOrUnknown(): number {
    return (this as unknown as { _nullCount: number })._nullCount
  }
}

// Accessors in place of the plain properties of Data, which TypeScript does not let a class body express.
// Each has a slot and code of its own: with shared code, reading a text took twice as long.
const accessors = {
  get length(): number {
    return self(this).handle.released ? 0 : self(this).rows
  },
  set length(rows: number) {
    self(this).rows = rows
  },
  get values(): unknown {
    self(this).handle.check()
    return self(this).sharedValues
  },
  set values(values: unknown) {
    self(this).sharedValues = values
  },
  get valueOffsets(): unknown {
    self(this).handle.check()
    return self(this).sharedOffsets
  },
  set valueOffsets(offsets: unknown) {
    self(this).sharedOffsets = offsets
  },
  get nullBitmap(): unknown {
    self(this).handle.check()
    return self(this).sharedBitmap
  },
  set nullBitmap(bitmap: unknown) {
    self(this).sharedBitmap = bitmap
  },
  get typeIds(): unknown {
    self(this).handle.check()
    return self(this).sharedTypeIds
  },
  set typeIds(typeIds: unknown) {
    self(this).sharedTypeIds = typeIds
  }
}

function self(data: unknown): LeasedData {
  return data as LeasedData
}

Object.defineProperties(LeasedData.prototype, Object.getOwnPropertyDescriptors(accessors))

/** A column over leased memory if there is a handle, over memory of this process otherwise. */
export function makeColumn(handle: LeaseHandle | undefined, parts: ColumnParts): Data {
  const { type, length, offset = 0, nullCount, buffers, children = [], dictionary } = parts
  const args = [type, offset, length, nullCount, buffers, children, dictionary] as unknown as DataArguments
  return handle === undefined ? new Data(...args) : new LeasedData(handle, ...args)
}

/** Throws ERR_VINEYARD_RELEASED for data that is, or has in it, a column over memory that was released. */
export function checkLeases(data: Data): void {
  if (data instanceof LeasedData) data.handle.check()
  for (const child of data.children) checkLeases(child)
}
