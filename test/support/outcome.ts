import { release } from 'vineyard-streams'

/** What came of a call: what kind of value, or the code of the error. */
export async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    const value = await work()
    if (value === undefined) return 'nothing'
    if (typeof value === 'string') return 'id'
    if (typeof value === 'object' && value !== null && 'done' in value) {
      const { done, value: chunk } = value as IteratorResult<unknown>
      release(chunk)
      return done === true ? 'done' : 'chunk'
    }
    if (Array.isArray(value)) {
      for (const chunk of value) release(chunk)
      return value.length === 1 ? '1 chunk' : `${value.length} chunks`
    }
    return 'value'
  } catch (error) {
    return (error as { code?: string }).code?.replace('ERR_VINEYARD_', '') ?? String(error)
  }
}

/** What comes of a call whose signal aborts when it has begun. */
export function abortedMeanwhile<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const coming = call(controller.signal)
  controller.abort()
  return coming
}

/** The same in the next turn of the event loop: it has asked for something by then. */
export function abortedSoon<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  setImmediate(() => controller.abort())
  return call(controller.signal)
}

/** Operations down, states across; each cell is what the documentation promises. */
export type Table<State extends string, Subject> = Record<
  string,
  [operation: (subject: Subject) => Promise<unknown>, outcomes: Record<State, string>]
>

export function everywhere<State extends string>(
  states: readonly State[],
  one: string
): Record<State, string> {
  return Object.fromEntries(states.map(state => [state, one])) as Record<State, string>
}

/** A table in Markdown. */
export function tableText(title: string, table: Table<string, never>): string {
  const states = Object.keys(Object.values(table)[0]![1])
  const rows = Object.entries(table).map(([operation, [, outcomes]]) => [
    operation,
    ...states.map(state => outcomes[state]!.replaceAll(' | ', ' or '))
  ])
  const lines = [['', ...states], states.concat('').map(() => '---'), ...rows]
  return `## ${title}\n\n${lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')}\n`
}
