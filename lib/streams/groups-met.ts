import { VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'

/** Groups in groups, at most this deep. */
const maxNesting = 16

/**
 * The groups that were met on the way down from one. Each may be met once: a group that contains itself has no end, and one
 * of sixteen levels that each name the next twice has 65,536 ways down.
 */
export class GroupsMet {
  readonly #ids: Set<ObjectId>
  readonly #depth: number

  constructor(ids = new Set<ObjectId>(), depth = 0) {
    this.#ids = ids
    this.#depth = depth
  }

  /** For the members of that group. */
  below(id: ObjectId): GroupsMet {
    if (this.#ids.has(id))
      throw new VineyardError('ERR_VINEYARD_METADATA', `${id} occurs twice in a group of streams`)
    if (this.#depth === maxNesting)
      throw new VineyardError(
        'ERR_VINEYARD_METADATA',
        `streams are nested more than ${maxNesting} levels deep`
      )
    this.#ids.add(id)
    return new GroupsMet(this.#ids, this.#depth + 1)
  }
}
