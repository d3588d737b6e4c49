import fc from 'fast-check'
import { long, longMinutes, longTag } from './long-report.js'

/** Seconds of one fuzz test. In the long form a twentieth of the time that others have: there are more than a hundred. */
const budget = long ? longMinutes * 3 : 2

/**
 * A test that throws random things at something for a while. Its title has the seed, so that any failure, a crash of the
 * whole process too, can be repeated: VINEYARD_FUZZ_SEED=… runs all of them with it.
 */
export function fuzzes<T>(
  title: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => Promise<void> | void,
  perRun = 1
): void {
  const given = process.env['VINEYARD_FUZZ_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  it(`${title} (seed ${seed}) ${longTag}`, async function () {
    this.timeout((budget * 10 + 60) * 1000)
    const property = fc.asyncProperty(arbitrary, async value => check(value))
    await fc.assert(property, {
      seed,
      numRuns: Math.ceil((long ? 100_000 : 2_000) / perRun),
      interruptAfterTimeLimit: budget * 1000,
      markInterruptAsFailure: false,
      endOnFailure: true
    })
  })
}

const hostileKey = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'id',
    'typename',
    'instance_id',
    '',
    '-',
    '0',
    '__x_-size'
  )
)

/** Any JSON value, with what breaks careless code. */
export const hostileJson: fc.Arbitrary<unknown> = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1, 1, 1e308, -0.5, 2 ** 53, '', '-', '0', 'o8000000000000000'),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 65n }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('__proto__', 'constructor', 'vineyard::Blob', '\u0000n99999999999999999', '\ud800'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(hostileKey, tie('value')), { maxLength: 4 }).map(members)
  )
})).value

/** An object with own properties only, `__proto__` too. */
function members(entries: readonly [string, unknown][]): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>
  for (const [key, value] of entries) object[key] = value
  return object
}
