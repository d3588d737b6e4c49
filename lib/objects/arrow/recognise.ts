/**
 * Recognises values of any copy of apache-arrow, which a program may have several of. From version 21.2 on
 * they carry symbols; those of earlier versions are known by their structure.
 */
import type { RecordBatch, Schema, Table, Vector } from 'apache-arrow'

type Loose = { readonly [key: string | symbol]: unknown }

function marked(value: unknown, kind: string): value is Loose {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Loose)[Symbol.for(`apache-arrow/${kind}`)] === true
  )
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null
}

export function isSchema(value: unknown): value is Schema {
  return (
    marked(value, 'Schema') ||
    (isObject(value) &&
      Array.isArray(value['fields']) &&
      value['metadata'] instanceof Map &&
      'dictionaries' in value)
  )
}

export function isRecordBatch(value: unknown): value is RecordBatch {
  if (marked(value, 'RecordBatch')) return true
  return (
    isObject(value) &&
    isSchema(value['schema']) &&
    isObject(value['data']) &&
    Array.isArray(value['data']['children']) &&
    typeof value['numRows'] === 'number'
  )
}

export function isTable(value: unknown): value is Table {
  if (marked(value, 'Table')) return true
  return isObject(value) && isSchema(value['schema']) && Array.isArray(value['batches'])
}

export function isVector(value: unknown): value is Vector {
  if (marked(value, 'Vector')) return true
  return (
    isObject(value) &&
    typeof value['VectorName'] === 'string' &&
    Array.isArray(value['data']) &&
    value['data'].every(data => isObject(data) && typeof data['typeId'] === 'number')
  )
}
