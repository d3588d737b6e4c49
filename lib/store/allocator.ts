/** Blobs start at multiples of this, and occupy multiples of it. */
export const alignment = 64

/** A free block of this many candidates of its own class is looked at before the next class is taken. */
const candidates = 8

/** One stretch of the pool, free or taken. Offset and size are in units of `alignment`. */
class Block {
  free = false
  /** Neighbours in address order. */
  before: Block | undefined
  after: Block | undefined
  /** Neighbours in the list of free blocks of the same class. */
  previous: Block | undefined
  next: Block | undefined

  constructor(
    public offset: number,
    public size: number
  ) {}
}

export type { Block }

/** Row and column of the class that blocks of `size` units are listed in; see `Allocator`. */
function classOf(size: number): number {
  if (size < 32) return size
  const magnitude = 31 - Math.clz32(size)
  return (magnitude - 4) * 32 + ((size >>> (magnitude - 5)) & 31)
}

/** The smallest size whose class has only blocks of at least `size` units. */
function roundUp(size: number): number {
  if (size < 32) return size
  return size + 2 ** (31 - Math.clz32(size) - 5) - 1
}

/**
 * Divides `[0, size)` into blocks: two-level segregated fits, so that taking and giving back cost the same however many
 * blocks there are. Neighbouring free blocks are joined at once.
 *
 * Memory that has been used before is warm: its pages exist, and writing to them is more than ten times faster than
 * touching new ones. So the most recently freed block of a class is taken first, and the untouched rest of the pool,
 * which begins at `frontier`, only when no freed block fits.
 */
export class Allocator {
  readonly #size: number
  #frontier = 0
  /** The block that ends at the frontier. */
  #last: Block | undefined
  readonly #heads: (Block | undefined)[] = []
  /** One bit for each class that has a free block, and one for each row that has such a class. */
  readonly #columns = new Int32Array(32)
  #rows = 0
  #used = 0

  /** `bytes` must be a multiple of `alignment` and less than 2^38. */
  constructor(bytes: number) {
    this.#size = Math.floor(bytes / alignment)
    if (this.#size < 1 || this.#size >= 2 ** 32)
      throw new RangeError('the pool must have 64 bytes to 256 GiB')
  }

  /** Bytes in taken blocks, including what alignment adds. */
  get used(): number {
    return this.#used * alignment
  }

  /** Where memory begins that no block has ever covered. */
  get frontier(): number {
    return this.#frontier * alignment
  }

  /** What `bytes` take in the pool. */
  static footprint(bytes: number): number {
    return Math.ceil(bytes / alignment) * alignment
  }

  /** A block of at least `bytes` (> 0), or undefined where no free stretch is long enough. */
  allocate(bytes: number): Block | undefined {
    const size = Math.ceil(bytes / alignment)
    if (size > this.#size - this.#used) return undefined
    const block = this.#takeFreed(size) ?? this.#extend(size) ?? this.#takeTight(size)
    if (block) this.#used += block.size
    return block
  }

  /** Gives a block back. It must not be used afterwards. */
  free(block: Block): void {
    this.#used -= block.size
    this.#release(block)
  }

  /** Whether `bytes` would be free in all, and `stretch` of them side by side, if these blocks were given back. */
  wouldFit(freed: ReadonlySet<Block>, bytes: number, stretch: number): boolean {
    let free = this.#size - this.#used
    for (const { size } of freed) free += size
    if (free < Math.ceil(bytes / alignment)) return false
    const wanted = Math.ceil(stretch / alignment)
    let run = this.#size - this.#frontier
    for (let block = this.#last; block && run < wanted; block = block.before)
      run = block.free || freed.has(block) ? run + block.size : 0
    return run >= wanted
  }

  /** Gives back what a block has beyond `bytes` (> 0). */
  shrink(block: Block, bytes: number): void {
    const size = Math.ceil(bytes / alignment)
    if (size >= block.size) return
    this.#used -= block.size - size
    this.#release(this.#split(block, size))
  }

  /** The free stretches of the pool in address order, with the untouched rest. */
  *freeRanges(): Generator<{ offset: number; length: number }> {
    const found: Block[] = []
    for (let block = this.#last; block; block = block.before) if (block.free) found.push(block)
    let end = this.#frontier
    if (found[0] && found[0] === this.#last) end = found.shift()!.offset
    for (const block of found.reverse())
      yield { offset: block.offset * alignment, length: block.size * alignment }
    if (end < this.#size) yield { offset: end * alignment, length: (this.#size - end) * alignment }
  }

  /** Throws if the blocks do not cover the pool in order, or a list or a bit is wrong. For tests. */
  check(): void {
    let end = this.#frontier
    let used = 0
    let free = 0
    for (let block = this.#last; block; block = block.before) {
      if (block.offset + block.size !== end) throw new Error('gap between blocks')
      if (block.free && block.before?.free) throw new Error('free neighbours were not joined')
      if (block.before && block.before.after !== block) throw new Error('broken address list')
      if (block.free) free += 1
      else used += block.size
      end = block.offset
    }
    if (end !== 0) throw new Error('the first block does not begin at 0')
    if (used !== this.#used) throw new Error('wrong sum of used bytes')
    this.#heads.forEach((head, index) => {
      const bit = (this.#columns[index >>> 5]! >>> (index & 31)) & 1
      if (bit !== (head ? 1 : 0)) throw new Error('wrong bit of a class')
      for (let block = head; block; block = block.next) {
        if (!block.free || classOf(block.size) !== index) throw new Error('block in the wrong class')
        free -= 1
      }
    })
    if (free !== 0) throw new Error('a free block is not listed')
  }

  #takeFreed(size: number): Block | undefined {
    // Blocks of the very same class first: streams free and take the same sizes over and over.
    const own = classOf(size)
    let block = this.#heads[own]
    for (let seen = 0; block && seen < candidates; seen += 1, block = block.next) {
      if (block.size >= size) return this.#take(block, size)
    }
    const rounded = roundUp(size)
    if (rounded >= 2 ** 32) return undefined
    const index = this.#find(classOf(rounded))
    return index < 0 ? undefined : this.#take(this.#heads[index]!, size)
  }

  /** The long way, when the pool is nearly full: any block of the own class that fits. */
  #takeTight(size: number): Block | undefined {
    for (let block = this.#heads[classOf(size)]; block; block = block.next) {
      if (block.size >= size) return this.#take(block, size)
    }
    return undefined
  }

  #extend(size: number): Block | undefined {
    const last = this.#last
    const tail = last?.free ? last : undefined
    const missing = size - (tail?.size ?? 0)
    if (tail && missing <= 0) return this.#take(tail, size)
    if (this.#frontier + missing > this.#size) return undefined
    if (tail) {
      this.#unlist(tail)
      tail.size = size
      tail.free = false
      this.#frontier += missing
      return tail
    }
    const block = new Block(this.#frontier, size)
    block.before = last
    if (last) last.after = block
    this.#last = block
    this.#frontier += size
    return block
  }

  /** The first class from `from` on that has a block, or -1. */
  #find(from: number): number {
    const row = from >>> 5
    const columns = this.#columns[row]! & (-1 << (from & 31))
    if (columns !== 0) return row * 32 + (31 - Math.clz32(columns & -columns))
    const rows = row === 31 ? 0 : this.#rows & (-1 << (row + 1))
    if (rows === 0) return -1
    const nextRow = 31 - Math.clz32(rows & -rows)
    const bits = this.#columns[nextRow]!
    return nextRow * 32 + (31 - Math.clz32(bits & -bits))
  }

  #take(block: Block, size: number): Block {
    this.#unlist(block)
    block.free = false
    if (block.size > size) {
      const rest = this.#split(block, size)
      rest.free = true
      this.#list(rest)
    }
    return block
  }

  /** Cuts `block` down to `size` and returns the rest, which is in no list. */
  #split(block: Block, size: number): Block {
    const rest = new Block(block.offset + size, block.size - size)
    rest.before = block
    rest.after = block.after
    if (block.after) block.after.before = rest
    else this.#last = rest
    block.after = rest
    block.size = size
    return rest
  }

  #release(block: Block): void {
    const after = block.after
    if (after?.free) {
      this.#unlist(after)
      this.#absorb(block, after)
    }
    const before = block.before
    if (before?.free) {
      this.#unlist(before)
      this.#absorb(before, block)
      block = before
    }
    block.free = true
    this.#list(block)
  }

  #absorb(block: Block, after: Block): void {
    block.size += after.size
    block.after = after.after
    if (after.after) after.after.before = block
    else this.#last = block
  }

  #list(block: Block): void {
    const index = classOf(block.size)
    const head = this.#heads[index]
    block.previous = undefined
    block.next = head
    if (head) head.previous = block
    this.#heads[index] = block
    this.#columns[index >>> 5]! |= 1 << (index & 31)
    this.#rows |= 1 << (index >>> 5)
  }

  #unlist(block: Block): void {
    const { previous, next } = block
    if (next) next.previous = previous
    if (previous) {
      previous.next = next
    } else {
      const index = classOf(block.size)
      this.#heads[index] = next
      if (!next) {
        this.#columns[index >>> 5]! &= ~(1 << (index & 31))
        if (this.#columns[index >>> 5] === 0) this.#rows &= ~(1 << (index >>> 5))
      }
    }
    block.previous = undefined
    block.next = undefined
  }
}
