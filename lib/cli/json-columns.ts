import {
  Bool,
  Field,
  Float64,
  Int64,
  List,
  Struct,
  Utf8,
  type DataType,
  type RecordBatch
} from 'apache-arrow'
import { stringifyJson, type JsonObject, type JsonValue } from '../protocol/json.js'
import { batchOf, misfit } from './columns.js'

/** Makes record batches of JSON objects (ndjson): arrays become lists, objects structs. */
export class JsonColumns {
  readonly #strings: boolean
  #types: ReadonlyMap<string, DataType> | undefined

  /** `strings`: every column is text, JSON where a value is none. */
  constructor(strings: boolean) {
    this.#strings = strings
  }

  batch(rows: readonly JsonObject[]): RecordBatch {
    this.#types ??= this.#decide(rows)
    const types = this.#types
    for (const row of rows) {
      const other = Object.keys(row).find(name => !types.has(name))
      if (other === undefined) continue
      throw new Error(`there is a "${other}", which the first rows do not have; more --rows to a chunk let it see more of them`) // prettier-ignore
    }
    const columns = [...types].map(([name, type]) => ({
      name,
      type,
      values: rows.map(row => {
        const value = memberOf(row, name)
        return this.#strings ? textOf(value) : fitted(value, type, name)
      })
    }))
    return batchOf(columns, rows.length)
  }

  #decide(rows: readonly JsonObject[]): Map<string, DataType> {
    const names = new Set(rows.flatMap(row => Object.keys(row)))
    const decide = (name: string): DataType =>
      this.#strings
        ? new Utf8()
        : typeOf(
            rows.map(row => memberOf(row, name)),
            name
          )
    return new Map([...names].map(name => [name, decide(name)]))
  }
}

function textOf(value: JsonValue): string | null {
  return value === null || typeof value === 'string' ? value : stringifyJson(value)
}

function memberOf(row: JsonObject, name: string): JsonValue {
  return Object.hasOwn(row, name) ? (row[name] as JsonValue) : null
}

type Kind = 'boolean' | 'number' | 'string' | 'array' | 'object'

function kindOf(value: JsonValue): Kind {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'bigint' ? 'number' : (typeof value as Kind)
}

/** The type that keeps all of the values as they are. `path` is where they are, for the error that there is none. */
function typeOf(values: readonly JsonValue[], path: string): DataType {
  const present = values.filter(value => value !== null)
  const kinds = [...new Set(present.map(kindOf))]
  const [kind] = kinds
  if (kind === undefined) return new Utf8()
  const [one, another] = kinds
  if (another !== undefined) throw noType(path, `has ${one}s and ${another}s`)
  switch (kind) {
    case 'boolean':
      return new Bool()
    case 'string':
      return new Utf8()
    case 'number': {
      const type = [new Int64(), new Float64()].find(candidate =>
        present.every(value => holds(candidate, value))
      )
      if (type === undefined) throw noType(path, 'has numbers that no column keeps exactly')
      return type
    }
    case 'array':
      return new List(new Field('item', typeOf((present as JsonValue[][]).flat(), `${path}[]`), true))
    case 'object':
      return structOf(present as JsonObject[], path)
  }
}

function structOf(objects: readonly JsonObject[], path: string): Struct {
  const names = [...new Set(objects.flatMap(value => Object.keys(value)))]
  if (names.length === 0) throw noType(path, 'has only objects without members')
  const field = (name: string): Field =>
    new Field(
      name,
      typeOf(
        objects.map(value => memberOf(value, name)),
        `${path}.${name}`
      ),
      true
    )
  return new Struct(names.map(field))
}

function noType(path: string, why: string): Error {
  return new Error(`column "${path}" ${why}; --strings reads every column as text`)
}

function holds(type: DataType, value: JsonValue): boolean {
  if (type instanceof Int64) {
    if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value
    return Number.isSafeInteger(value) && !Object.is(value, -0)
  }
  if (type instanceof Float64)
    return typeof value === 'bigint' ? BigInt(Number(value)) === value : typeof value === 'number'
  return kindOf(value) === (type instanceof Bool ? 'boolean' : 'string')
}

/** A value as the column has it. Throws where it would have to be changed. */
function fitted(value: JsonValue, type: DataType, path: string): unknown {
  if (value === null) return null
  if (type instanceof List && Array.isArray(value)) {
    const item = type.valueType as DataType
    return value.map(part => fitted(part, item, `${path}[]`))
  }
  if (type instanceof Struct && kindOf(value) === 'object') {
    const object = value as JsonObject
    const { children } = type
    if (Object.keys(object).every(name => children.some(child => child.name === name)))
      return Object.fromEntries(children.map(child => [child.name, fitted(memberOf(object, child.name), child.type, `${path}.${child.name}`)])) // prettier-ignore
  } else if (holds(type, value)) {
    return type instanceof Int64 ? BigInt(value as number) : type instanceof Float64 ? Number(value) : value
  }
  throw misfit(path, type, stringifyJson(value))
}
