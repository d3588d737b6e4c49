import { Type } from 'apache-arrow'
import type { DataType, Field, Schema } from 'apache-arrow'

/** A text that is the same for schemas that are encoded the same. `types` are those of the columns. */
export function schemaKey(schema: Schema, types: readonly DataType[]): string {
  const fields = schema.fields.map((field, i) => fieldKey(field, types[i] ?? field.type))
  return JSON.stringify([fields, metadataKey(schema.metadata)])
}

type Key = string | number | boolean | null | Key[]

function fieldKey(field: Field, type: DataType): Key {
  return [field.name, field.nullable, metadataKey(field.metadata), typeKey(type)]
}

function metadataKey(metadata: ReadonlyMap<string, string> | undefined): Key {
  return metadata === undefined || metadata.size === 0 ? null : [...metadata].flat()
}

/** Every parameter a type can have, in its own order: keys are compared, never taken apart. */
const parameters = [
  'isSigned',
  'bitWidth',
  'precision',
  'scale',
  'unit',
  'timezone',
  'byteWidth',
  'listSize',
  'keysSorted',
  'mode',
  'id',
  'isOrdered'
] as const

function typeKey(type: DataType): Key {
  const any = type as unknown as Record<string, unknown>
  const key: Key[] = [type.typeId]
  for (const parameter of parameters) {
    const value = any[parameter]
    if (value !== undefined && value !== null) key.push(parameter, value as Key)
  }
  if (type.typeId === Type.Dictionary) {
    key.push(typeKey(any['dictionary'] as DataType), typeKey(any['indices'] as DataType))
  } else if (Array.isArray(type.children)) {
    key.push(type.children.map((child: Field) => fieldKey(child, child.type)))
  }
  if (type.typeId === Type.Union) key.push([...(any['typeIds'] as Int32Array)])
  return key
}
