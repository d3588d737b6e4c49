import fc from 'fast-check'
import { long, longTag } from './long-report.js'

/** A test of a property. A failure prints the seed that repeats it. */
export function holds(title: string, property: () => Promise<fc.IAsyncProperty<any>>): void {
  it(`${title} ${longTag}`, async function () {
    // About a second each.
    const numRuns = 20
    if (long) this.timeout(20 * 60_000)
    await fc.assert(await property(), { numRuns: long ? numRuns * 40 : numRuns })
  })
}
