import { Type } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { storageOf } from './primitive-types.js'

/** How the values of a column without children lie in its buffers. */
export interface FlatColumn {
  readonly type: DataType
  /** Bytes of a value; 0 for bits. */
  readonly width: number
  /** Whether `values` are the bytes that int32 offsets part. */
  readonly hasOffsets: boolean
}

/** Undefined for columns with children, dictionaries, views and other layouts. */
export function flatColumn(type: DataType): FlatColumn | undefined {
  const { typeId } = type
  if (typeId === Type.Bool) return { type, width: 0, hasOffsets: false }
  if (typeId === Type.Utf8 || typeId === Type.Binary) return { type, width: 1, hasOffsets: true }
  const width = storageOf(type)?.width
  return width === undefined ? undefined : { type, width, hasOffsets: false }
}

/** Columns of these types; undefined where not all columns are flat, or there is none. */
export function flatColumns(types: readonly DataType[]): FlatColumn[] | undefined {
  const columns: FlatColumn[] = []
  for (const type of types) {
    const column = flatColumn(type)
    if (column === undefined) return undefined
    columns.push(column)
  }
  return columns.length === 0 ? undefined : columns
}
