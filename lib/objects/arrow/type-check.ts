import { Type } from 'apache-arrow'
import type { DataType, Field } from 'apache-arrow'
import { anyType } from './any-type.js'
import { IpcError } from './ipc-error.js'

const children: Readonly<Partial<Record<Type, number>>> = {
  [Type.List]: 1,
  [Type.LargeList]: 1,
  [Type.FixedSizeList]: 1,
  [Type.Map]: 1
}

/** The values that a parameter of a type can have. */
const allowed: readonly [
  type: Type,
  parameter: 'bitWidth' | 'precision' | 'unit' | 'mode',
  values: readonly number[]
][] = [
  [Type.Int, 'bitWidth', [8, 16, 32, 64]],
  [Type.Float, 'precision', [0, 1, 2]],
  [Type.Decimal, 'bitWidth', [32, 64, 128, 256]],
  [Type.Date, 'unit', [0, 1]],
  [Type.Timestamp, 'unit', [0, 1, 2, 3]],
  [Type.Duration, 'unit', [0, 1, 2, 3]],
  [Type.Interval, 'unit', [0, 1, 2]],
  [Type.Union, 'mode', [0, 1]]
]

/** Refuses a decoded type that is no Arrow type, however well its message is formed. Throws IpcError. */
export function checkType(dataType: DataType): void {
  const type = anyType(dataType)
  const damaged = (): never => {
    throw new IpcError('an Arrow type is damaged')
  }
  for (const [typeId, parameter, values] of allowed) {
    if (type.typeId === typeId && !values.includes(type[parameter])) damaged()
  }
  const width: unknown = type.byteWidth ?? type.listSize
  if (typeof width === 'number' && !(Number.isInteger(width) && width >= 0)) damaged()
  if (type.typeId === Type.Time) {
    if (![0, 1, 2, 3].includes(type.unit) || type.bitWidth !== (type.unit < 2 ? 32 : 64)) damaged()
  }
  if (type.typeId === Type.Dictionary) {
    checkType(type.indices)
    if (type.indices.typeId !== Type.Int) damaged()
    return checkType(type.dictionary)
  }
  const fields: readonly (Field | undefined)[] = type.children ?? []
  const needed = children[type.typeId]
  if (needed !== undefined && fields.length !== needed) damaged()
  if (type.typeId === Type.Map && fields[0]?.type?.children?.length !== 2) damaged()
  if (type.typeId === Type.Union && type.typeIds.length !== fields.length) damaged()
  for (const field of fields) {
    if (field === undefined) damaged()
    else checkType(field.type)
  }
}
