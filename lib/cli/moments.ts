/** Dates, times and decimals as texts (ISO 8601), from the integers that Arrow keeps them as: exact to the nanosecond. */
import { DateUnit, IntervalUnit, TimeUnit } from 'apache-arrow'

/** Digits after the point. */
const digitsOf: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9
}

const msPerDay = 86_400_000n

/** An integer with its point moved to the left. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A date; with the time where there is one, which a date in milliseconds may have. */
export function dateText(count: bigint, unit: DateUnit): string {
  if (unit === DateUnit.DAY) return dateOf(count * 86_400n) ?? String(count)
  if (count % msPerDay === 0n) return dateOf(count / 1000n) ?? String(count)
  return dateTimeText(count, TimeUnit.MILLISECOND)
}

/** Years that a calendar date can be said of; the count itself outside of them. */
export function dateTimeText(count: bigint, unit: TimeUnit): string {
  const { seconds, fraction } = split(count, unit)
  const date = dateOf(seconds)
  return date === undefined ? String(count) : `${date}T${clock(modulo(seconds, 86_400n))}${fraction}`
}

export function timeText(count: bigint, unit: TimeUnit): string {
  const { seconds, fraction } = split(count, unit)
  return `${clock(seconds)}${fraction}`
}

export function durationText(count: bigint, unit: TimeUnit): string {
  return `PT${decimalText(count, digitsOf[unit])}S`
}

/** An interval of the calendar: months, days and a time are counts of their own. */
export function calendarInterval(values: Int32Array, row: number, unit: IntervalUnit): string {
  if (unit === IntervalUnit.YEAR_MONTH) return `P${values[row]}M`
  if (unit === IntervalUnit.DAY_TIME) {
    const [days, ms] = values.subarray(2 * row, 2 * row + 2)
    return `P${days}D${durationText(BigInt(ms as number), TimeUnit.MILLISECOND).slice(1)}`
  }
  const [months, days, low, high] = values.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number] // prettier-ignore
  const nanoseconds = (BigInt(high) << 32n) | BigInt(low >>> 0)
  return `P${months}M${days}D${durationText(nanoseconds, TimeUnit.NANOSECOND).slice(1)}`
}

function split(count: bigint, unit: TimeUnit): { seconds: bigint; fraction: string } {
  const digits = digitsOf[unit]
  const perSecond = 10n ** BigInt(digits)
  const rest = modulo(count, perSecond)
  return {
    seconds: (count - rest) / perSecond,
    fraction: digits === 0 ? '' : `.${String(rest).padStart(digits, '0')}`
  }
}

/** Never negative, unlike %. */
function modulo(value: bigint, divisor: bigint): bigint {
  return ((value % divisor) + divisor) % divisor
}

/** The day of a second since 1970, undefined where there is no calendar date. */
function dateOf(seconds: bigint): string | undefined {
  const date = new Date(Number(seconds - modulo(seconds, 86_400n)) * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(/T.*/, '')
}

function clock(seconds: bigint): string {
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n]
  return parts.map(part => String(part).padStart(2, '0')).join(':')
}
