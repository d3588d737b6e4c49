import { Type } from 'apache-arrow'
import type { DataType, Schema } from 'apache-arrow'
import { anyType } from './any-type.js'

/** What an error calls a column. */
export function columnName(schema: Schema, i: number): string {
  return `column ${JSON.stringify(schema.fields[i]?.name)}`
}

/** Fields without a name: apache-arrow encodes them as fields that have none, and decodes those as null. */
export function nameFields(fields: readonly { name: string; type: DataType }[]): void {
  for (const field of fields) {
    field.name ??= ''
    const type = anyType(field.type)
    nameFields(
      type.typeId === Type.Dictionary ? (anyType(type.dictionary).children ?? []) : (type.children ?? [])
    )
  }
}
