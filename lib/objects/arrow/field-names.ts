import { Type } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { anyType } from './any-type.js'

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
