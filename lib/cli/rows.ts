import { Bool, Float64, Int64, RecordBatch, Utf8, vectorFromArray, type DataType } from 'apache-arrow'

export type Row = Record<string, unknown>

/** Makes record batches of rows. The first rows decide the types; later ones that do not fit them are an error. */
export class RowBatcher {
  #types: Map<string, DataType> | undefined
  readonly #texts: boolean

  /** `texts`: values are texts, which may stand for numbers and truth values (csv). */
  constructor(texts: boolean) {
    this.#texts = texts
  }

  batch(rows: readonly Row[]): RecordBatch {
    this.#types ??= new Map(
      [...new Set(rows.flatMap(row => Object.keys(row)))].map(name => [
        name,
        this.#typeOf(rows.map(row => row[name]))
      ])
    )
    const columns = [...this.#types].map(([name, type]) => {
      const values = rows.map(row => this.#value(row[name], type, name))
      return [name, vectorFromArray(values, type).data[0]] as const
    })
    return new RecordBatch(Object.fromEntries(columns) as never)
  }

  #typeOf(values: readonly unknown[]): DataType {
    const present = values.filter(value => value !== undefined && value !== null && value !== '')
    if (present.length === 0) return new Utf8()
    if (this.#texts) {
      const texts = present as string[]
      if (texts.every(text => /^-?\d{1,18}$/.test(text))) return new Int64()
      if (texts.every(text => text.trim() !== '' && Number.isFinite(Number(text)))) return new Float64()
      if (texts.every(text => text === 'true' || text === 'false')) return new Bool()
      return new Utf8()
    }
    if (present.every(value => typeof value === 'number')) {
      return present.every(value => Number.isSafeInteger(value)) ? new Int64() : new Float64()
    }
    return present.every(value => typeof value === 'boolean') ? new Bool() : new Utf8()
  }

  #value(value: unknown, type: DataType, name: string): unknown {
    if (value === undefined || value === null) return null
    if (type instanceof Utf8) return typeof value === 'string' ? value : JSON.stringify(value)
    if (value === '' && this.#texts) return null
    if (type instanceof Bool && (typeof value === 'boolean' || value === 'true' || value === 'false'))
      return value === true || value === 'true'
    const number = typeof value === 'boolean' ? NaN : Number(value)
    if (type instanceof Float64 && !Number.isNaN(number)) return number
    if (type instanceof Int64 && /^-?\d{1,18}$/.test(String(value))) return BigInt(value as string)
    throw new Error(
      `column "${name}" began as ${String(type)}, which ${JSON.stringify(value)} is not; --strings reads every column as text`
    )
  }
}
