/** A first-in first-out queue. `shift` of a long Array moves every element; this one does not. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The oldest item, which stays. */
  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** The sum over all items. */
  sum(of: (item: T) => number): number {
    let sum = 0
    for (let i = this.#head; i < this.#items.length; i += 1) sum += of(this.#items[i] as T)
    return sum
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i += 1) yield this.#items[i] as T
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }
}
