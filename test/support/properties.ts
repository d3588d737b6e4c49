import fc from 'fast-check'

const long = process.env['VINEYARD_TEST_LONG'] === '1'

/** A test of a property. A failure prints the seed that repeats it. */
export function holds(title: string, property: () => Promise<fc.IAsyncProperty<any>>): void {
  it(title, async function () {
    // About a second each.
    const numRuns = 20
    if (long) this.timeout(20 * 60_000)
    await fc.assert(await property(), { numRuns: long ? numRuns * 40 : numRuns })
  })
}
