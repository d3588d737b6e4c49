import type { Data, DataType, Field, Type } from 'apache-arrow'

/** The parameters that Arrow types have; each type has some of them. */
interface TypeParameters {
  readonly children: readonly Field[] | null
  readonly dictionary: DataType
  readonly indices: DataType
  readonly id: number
  readonly isOrdered: boolean
  readonly isSigned: boolean
  readonly bitWidth: number
  readonly precision: number
  readonly scale: number
  readonly unit: number
  readonly timezone: string | null
  readonly byteWidth: number
  readonly listSize: number
  readonly keysSorted: boolean
  readonly mode: number
  readonly typeIds: Int32Array
  readonly typeIdToChildIndex: Readonly<Record<number, number>>
}

/** An Arrow type of any copy of apache-arrow, taken by its `typeId` and parameters instead of its class. */
export type AnyType = DataType & TypeParameters

export function anyType(type: DataType): AnyType {
  return type as AnyType
}

/** The type of a column. */
export function typeOf(column: Data): AnyType {
  return column.type as unknown as AnyType
}

/** The type of the values of a list. */
export function itemType(type: AnyType): AnyType {
  return anyType((type.children?.[0] as Field).type)
}

/** Whether a type is one of some kinds. */
export function isOneOf(type: DataType, ...kinds: Type[]): boolean {
  return kinds.includes(type.typeId)
}

/** A type as apache-arrow prints it, e.g. `List<Utf8>`. */
export function typeName(type: unknown): string {
  return String(type)
}
