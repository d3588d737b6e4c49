import type { ObjectId } from '../protocol/ids.js'

/**
 * Makes ids as upstream does: milliseconds since 1970 (41 bits), instance (10 bits, 0 here) and a counter (12 bits); a
 * blob's has the top bit set. Ids never repeat and always grow: when 4096 have been made within a millisecond the clock
 * of this generator runs ahead, and when the system's clock goes back it stands still.
 */
export class IdGenerator {
  #milliseconds = 0
  #counter = 0

  object(): ObjectId {
    return `o${this.#next(0)}` as ObjectId
  }

  blob(): ObjectId {
    return `o${this.#next(0x80000000)}` as ObjectId
  }

  #next(top: number): string {
    const now = Date.now()
    if (now > this.#milliseconds) this.#milliseconds = now
    else if (this.#counter === 0) this.#milliseconds += 1
    const high = (Math.floor(this.#milliseconds / 1024) | top) >>> 0
    const low = ((this.#milliseconds % 1024) * 2 ** 22 + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) & 0xfff
    return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  }
}
