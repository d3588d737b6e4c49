/** Of what is costly to make: one that is not in use is kept for whoever wants it next. */
export class Spare<T> {
  readonly #make: () => T
  #idle: T | undefined

  constructor(make: () => T) {
    this.#make = make
  }

  /** Nobody else has it until it is given back. */
  take(): T {
    const taken = this.#idle ?? this.#make()
    this.#idle = undefined
    return taken
  }

  /** One whose user has failed is not given back. */
  giveBack(item: T): void {
    this.#idle = item
  }
}
