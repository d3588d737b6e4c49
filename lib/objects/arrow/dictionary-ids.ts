import { Dictionary, Type } from 'apache-arrow'
import type { Data, DataType } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { anyType } from './any-type.js'

/**
 * Columns of which no two have dictionaries of the same id, as apache-arrow's IPC writer wants it: an id that others have is
 * exchanged. Throws ERR_VINEYARD_TYPE where it would be that of a dictionary within a column.
 */
export function distinctDictionaries(columns: readonly Data[], nameOf: (index: number) => string): Data[] {
  const taken = new Set<number>()
  for (const [index, { type }] of columns.entries()) {
    for (const id of innerIds(type)) {
      if (taken.has(id)) {
        const message = `${nameOf(index)}: it has a dictionary whose id, ${id}, is that of another one, too`
        throw new VineyardError('ERR_VINEYARD_TYPE', message)
      }
      taken.add(id)
    }
  }
  const outer = columns.map(({ type }) => (type.typeId === Type.Dictionary ? anyType(type).id : -1))
  let next = Math.max(-1, ...taken, ...outer) + 1
  return columns.map((column, index) => {
    const id = outer[index] as number
    if (column.type.typeId !== Type.Dictionary) return column
    if (!taken.has(id)) {
      taken.add(id)
      return column
    }
    const { dictionary, indices, isOrdered } = anyType(column.type)
    return column.clone(new Dictionary(dictionary, indices as never, next++, isOrdered) as DataType)
  })
}

/** Ids of the dictionaries within a type, not that of its own. */
function innerIds(type: DataType): number[] {
  const inside = type.typeId === Type.Dictionary ? anyType(type).dictionary : type
  return (inside.children ?? []).flatMap(({ type: child }) => [
    ...(child.typeId === Type.Dictionary ? [anyType(child).id] : []),
    ...innerIds(child)
  ])
}
