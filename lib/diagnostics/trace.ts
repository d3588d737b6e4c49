import type { TracingChannel } from 'node:diagnostics_channel'
import { Status, type VineyardError } from '../errors.js'

/**
 * Traces work whose outcome may be that a stream has ended: servers say so with an error, but it is how every stream is
 * meant to end. Those who watch see work that succeeded with no result; the caller gets the error.
 */
export async function traced<Message extends object, Result>(
  tracing: TracingChannel<unknown, Message>,
  work: () => Promise<Result>,
  message: Message
): Promise<Result> {
  let end: VineyardError | undefined
  const result = await tracing.tracePromise(
    () =>
      work().catch((error: unknown) => {
        if ((error as VineyardError).status !== Status.StreamDrained) throw error
        end = error as VineyardError
        return undefined
      }),
    message
  )
  if (end !== undefined) throw end
  return result as Result
}
