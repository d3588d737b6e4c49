import { inspect } from 'node:util'
import { Data, RecordBatch, Struct } from 'apache-arrow'
import { VineyardError } from '../errors.js'
import { handleOf } from '../memory/lease.js'
import { checkLeases } from '../objects/arrow/leased-data.js'
import { isTable } from '../objects/arrow/recognise.js'
import { takeRows } from '../objects/arrow/take.js'
import { argumentError, checkOptions, isString } from '../options.js'
import { hasSchema } from './batch-schema.js'
import type { Partition } from './partitioned-sink.js'

/**
 * Which member of a group a written value goes to: in turns (`'round-robin'`, the default), as a function says
 * (an index), or row by row after a hash of a column, so that equal values meet in the same member: null counts as a value,
 * and so does NaN; 0 and -0 are equal.
 */
export type PartitionOption<In> =
  | 'round-robin'
  | ((value: In, members: number) => number)
  | {
      /** Name of the column. */
      column: string
    }
  | undefined

export function partitionOf<In>(option: PartitionOption<In>, members: number): Partition<In> {
  if (option === undefined || option === 'round-robin') return inTurns(members)
  if (typeof option === 'function')
    return value => [{ member: checkMember(option(value, members), members), part: value }]
  // Who has no TypeScript may give anything.
  const given: unknown = option
  if (isColumnOption(given)) {
    checkOptions(given, { column: isString }, { of: 'partition' })
    return value => byColumn(value, given.column, members) as { member: number; part: In }[]
  }
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The "partition" option must be 'round-robin', 'local', a function or { column }. Received ${inspect(given)}`
  )
}

function isColumnOption(value: unknown): value is { column: string } {
  return typeof value === 'object' && value !== null && 'column' in value && value.column !== undefined
}

function inTurns<In>(members: number): Partition<In> {
  let next = 0
  return value => {
    const member = next
    next = (next + 1) % members
    return [{ member, part: value }]
  }
}

function checkMember(member: number, members: number): number {
  if (Number.isInteger(member) && member >= 0 && member < members) return member
  throw argumentError(
    'ERR_OUT_OF_RANGE',
    `The "partition" function must return an integer from 0 to ${members - 1}. It returned ${String(member)}`
  )
}

function byColumn(value: unknown, column: string, members: number): { member: number; part: RecordBatch }[] {
  if (!hasSchema(value)) {
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      'only RecordBatches and Tables can be distributed by a column'
    )
  }
  const batches = isTable(value) ? value.batches : [value]
  return batches.flatMap(batch => {
    // A released batch has no rows, and would be left out without a word.
    handleOf(batch)?.check()
    checkLeases(batch.data)
    return rowsByMember(batch, column, members).flatMap((rows, member) =>
      rows.length === 0
        ? []
        : [{ member, part: rows.length === batch.numRows ? batch : takeFrom(batch, rows) }]
    )
  })
}

function rowsByMember(batch: RecordBatch, column: string, members: number): number[][] {
  const values = batch.getChild(column)
  if (values === null) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `there is no column "${column}" to distribute the rows by`)
  }
  const rows = Array.from({ length: members }, (): number[] => [])
  for (let row = 0; row < batch.numRows; row += 1) {
    rows[hash(String(values.get(row))) % members]?.push(row)
  }
  return rows
}

function takeFrom(batch: RecordBatch, rows: number[]): RecordBatch {
  const children = batch.data.children.map(child => takeRows(child, rows))
  const type = new Struct(batch.schema.fields)
  return new RecordBatch(batch.schema, new Data(type, 0, rows.length, 0, undefined, children))
}

/**
 * FNV-1 over UTF-16 units, mixed: short, and stable between processes. FNV-1a, mixed, has a pattern in the ten digits: of two
 * members one had them all.
 */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    value = Math.imul(value, 0x01000193) ^ text.charCodeAt(i)
  }
  return mixed(value)
}

/**
 * Makes every bit depend on every bit of the hash. The low bit of FNV alone is the parity of the low bits of the units: of
 * two members one had all keys that say something twice, as `user7@host7.example` does. Shifts and factors are those of
 * `fmix32` in Austin Appleby's MurmurHash3, which is in the public domain.
 */
function mixed(hash: number): number {
  let value = hash
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
