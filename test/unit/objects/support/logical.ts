/** Values in the form in which fixtures record them: as JSON, the same for Python and for this package. */
import { RecordBatch, Schema, Table, Type, Vector } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { DataFrameBatch } from '#dist/objects/pandas/dataframe-batch.js'
import { Index } from '#dist/objects/pandas/index-value.js'
import { Series } from '#dist/objects/pandas/series-type.js'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { typeText } from '../../../support/exact.js'

const notATime = -(2n ** 63n)

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** A moment in milliseconds, with Python's microseconds where there are some. */
function isoText(milliseconds: number, zone: string): string {
  const microseconds = Math.round((milliseconds - Math.floor(milliseconds / 1000) * 1000) * 1000)
  const seconds = new Date(Math.floor(milliseconds / 1000) * 1000).toISOString().slice(0, 19)
  return `${seconds}${microseconds === 0 ? '' : `.${String(microseconds).padStart(6, '0')}`}${zone}`
}

function element(type: DataType, value: unknown): unknown {
  if (value === null) return null
  if (value instanceof Vector) return vectorValues(value)
  const seconds = Number(value)
  switch (type.typeId) {
    case Type.Date:
      return new Date(seconds).toISOString().slice(0, 10)
    case Type.Time:
      return [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(part => two(Math.floor(part))).join(':')
    case Type.Duration:
      return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
    case Type.Timestamp:
      return isoText(
        seconds,
        (type as unknown as { timezone: string | null }).timezone === 'UTC' ? '+00:00' : ''
      )
    default:
      return logical(value)
  }
}

function vectorValues(vector: Vector): unknown[] {
  return [...vector].map(value => element(vector.type as DataType, value))
}

function columnsOf(batch: RecordBatch | Table): unknown[][] {
  return batch.schema.fields.map((_, i) => vectorValues(batch.getChildAt(i) as Vector))
}

/** Nests the flat values of an array by its shape. */
function nested(values: unknown[], shape: readonly number[]): unknown {
  if (shape.length === 0) return values[0]
  if (shape.length === 1) return values
  const [rows = 0, ...rest] = shape
  const size = rest.reduce((product, extent) => product * extent, 1)
  return Array.from({ length: rows }, (_, i) => nested(values.slice(i * size, (i + 1) * size), rest))
}

function tensorValues(tensor: Record<number, unknown> & { length: number; dtype: string }): unknown[] {
  const values = Array.from(tensor)
  if (tensor.dtype === 'bool') return values.map(Boolean)
  if (tensor.dtype.startsWith('complex')) {
    return Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]])
  }
  return values.map(value => (value === notATime ? null : logical(value)))
}

export function logical(value: unknown): unknown {
  if (value instanceof OpaqueObject) return { kind: 'opaque', reason: value.reason }
  if (value instanceof DataFrameBatch) {
    const index = value.index instanceof Index ? vectorValues(value.index.values) : value.index
    return { kind: 'dataframe', columns: value.labels, index, data: columnsOf(value) }
  }
  if (value instanceof RecordBatch || value instanceof Table) {
    return {
      kind: value instanceof Table ? 'table' : 'recordbatch',
      schema: value.schema.fields.map(field => [field.name, typeText(field.type as DataType)]),
      data: { ...columnsOf(value) },
      num_rows: value.numRows
    }
  }
  if (value instanceof Schema) {
    return {
      kind: 'schema',
      fields: value.fields.map(field => [field.name, typeText(field.type as DataType), field.nullable]),
      metadata: Object.fromEntries(value.metadata)
    }
  }
  if (value instanceof Series) {
    const index = value.index instanceof Index ? vectorValues(value.index.values) : value.index
    return { kind: 'series', name: value.name, values: vectorValues(value.values), index }
  }
  if (value instanceof Index) return { kind: 'index', name: value.name, values: vectorValues(value.values) }
  if (value instanceof Vector) {
    const values = vectorValues(value)
    return { kind: 'array', type: typeText(value.type as DataType), values }
  }
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  if (typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value) {
    const tensor = value as never as { length: number; dtype: string; shape: number[] }
    return { kind: 'ndarray', shape: tensor.shape, data: nested(tensorValues(tensor), tensor.shape) }
  }
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(logical)
  // Fixtures are read with JSON.parse, which rounds the long ones.
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number' && Number.isNaN(value)) return 'nan'
  return value
}
