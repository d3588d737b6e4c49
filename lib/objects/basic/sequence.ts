import { VineyardError } from '../../errors.js'
import { count, numberedMembers } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft, ObjectType } from '../model.js'
import { Parts } from '../parts.js'
import { located } from '../unsupported.js'

/** Arrays in arrays are put up to this depth: the server was seen to take 200 levels of members. */
const maxNesting = 128
let nesting = 0

/** vineyard::Sequence: an array of values of any kind. Python reads it as a tuple. */
export const sequence: ObjectType = {
  typenames: ['vineyard::Sequence'],

  read(meta, context, readPart) {
    const elements = numberedMembers(meta, '__elements_-', count(meta, '__elements_-size'))
    const parts = new Parts(context, readPart)
    return parts.finish(elements.map(element => parts.read(element)))
  },

  accepts: value => Array.isArray(value),

  describe(value, context) {
    const elements = value as unknown[]
    if (nesting >= maxNesting) {
      throw new VineyardError(
        'ERR_VINEYARD_TYPE',
        `arrays nested more than ${maxNesting} levels deep cannot be stored`
      )
    }
    nesting += 1
    try {
      const members: Record<string, Draft> = {}
      for (let i = 0; i < elements.length; i += 1) {
        members[`__elements_-${i}`] = located(`element ${i}`, () => context.describe(elements[i]))
      }
      const size = elements.length
      return new ObjectDraft(
        'vineyard::Sequence',
        { size_: size, '__elements_-size': size, nbytes: 0 },
        members
      )
    } finally {
      nesting -= 1
    }
  }
}
