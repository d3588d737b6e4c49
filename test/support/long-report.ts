import { appendFileSync } from 'node:fs'

/** Whether this is the long run: `npm run test:long`. Titles of tests with a long form end in `longTag`. */
export const long = process.env['VINEYARD_TEST_LONG'] === '1'
export const longTag = '[long]'

/** One line of the table that the long run prints. What does not apply is left out. */
export interface LongRow {
  test: string
  failed?: boolean
  kills?: number
  /** Waits that had not ended when their watchdog did. */
  hangs?: number
  /** Chunks that were not what they should have been. */
  corrupt?: number
  /** Bytes in use on the server that were not before. */
  bytesLeft?: number
  /** Descriptors that this process and the server have open and had not before. */
  descriptorsLeft?: number
  /** The same of mappings of memory files, in this process. */
  mappingsLeft?: number
  /** Milliseconds from a kill to the error that a survivor got, in the middle and at most. */
  medianMs?: number
  slowestMs?: number
  /** Whatever else there is to say. */
  note?: string
}

/** Adds a line to the table, if one is being made. */
export function reportLong(row: LongRow): void {
  const file = process.env['VINEYARD_TEST_REPORT']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`)
}

/** How long a test that goes on for a time does so in the long run. */
export const longMinutes = Number(process.env['VINEYARD_TEST_MINUTES'] ?? 10)

/** When such a test should come to its end. */
export function longDeadline(): number {
  return Date.now() + longMinutes * 60_000
}
