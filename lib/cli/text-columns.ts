import { Bool, Float64, Int64, Utf8, type DataType, type RecordBatch } from 'apache-arrow'
import { batchOf, misfit } from './columns.js'

/** What texts may stand for. Only texts that come out of it as they were, but for the way a number is written. */
interface TextType {
  type: DataType
  accepts(text: string): boolean
  value(text: string): unknown
}

const int64: TextType = { type: new Int64(), accepts: isInt64, value: BigInt }
const float64: TextType = { type: new Float64(), accepts: isFloat64, value: Number }
const bool: TextType = {
  type: new Bool(),
  accepts: text => text === 'true' || text === 'false',
  value: text => text === 'true'
}
const utf8: TextType = { type: new Utf8(), accepts: () => true, value: text => text }

/** Makes record batches of rows of texts (csv). Without text there is no value, but in a column of texts. */
export class TextColumns {
  readonly #names: readonly string[]
  readonly #guess: boolean
  #types: readonly TextType[] | undefined

  /** `guess`: find out what the texts stand for. */
  constructor(names: readonly string[], guess: boolean) {
    this.#names = names
    this.#guess = guess
  }

  batch(rows: readonly (readonly string[])[]): RecordBatch {
    const texts = this.#names.map((_, at) => rows.map(row => row[at] as string))
    this.#types ??= texts.map(column => (this.#guess ? typeOf(column) : utf8))
    const columns = this.#types.map((textType, at) => {
      const name = this.#names[at] as string
      return {
        name,
        type: textType.type,
        values: (texts[at] as string[]).map(text => valueOf(textType, name, text))
      }
    })
    return batchOf(columns, rows.length)
  }
}

function typeOf(texts: readonly string[]): TextType {
  const present = texts.filter(text => text !== '')
  if (present.length === 0) return utf8
  return [int64, float64, bool].find(type => present.every(text => type.accepts(text))) ?? utf8
}

function valueOf(textType: TextType, name: string, text: string): unknown {
  if (text === '' && textType !== utf8) return null
  if (textType.accepts(text)) return textType.value(text)
  throw misfit(name, textType.type, JSON.stringify(text))
}

/** Leading zeros and signs belong to codes and telephone numbers. */
function isInt64(text: string): boolean {
  return /^(?:0|-?[1-9]\d{0,18})$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)
}

/** A number whose digits a double keeps, all of them. */
function isFloat64(text: string): boolean {
  const match = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE][+-]?\d{1,3})?$/.exec(text)
  if (match === null || !Number.isFinite(Number(text))) return false
  const digits = significant(`${match[1]}${match[2] ?? ''}`)
  if (digits === '') return true
  return (
    digits.length <= 17 &&
    significant(
      Number(text)
        .toExponential(digits.length - 1)
        .replace(/e.*/, '')
    ) === digits
  )
}

function significant(digits: string): string {
  return digits.replaceAll(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '')
}
