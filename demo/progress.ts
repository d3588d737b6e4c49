/** Prints how far a producer is, a line for every fifth of the rows. */
export class Progress {
  readonly #label: string
  readonly #total: number
  #printed = 0

  constructor(label: string, total: number) {
    this.#label = label
    this.#total = total
  }

  update(rows: number): void {
    const fifths = Math.floor((rows / this.#total) * 5)
    if (fifths <= this.#printed) return
    this.#printed = fifths
    console.log(`  ${this.#label} ${fifths * 20} % (${rows.toLocaleString('en')} rows)`)
  }
}
