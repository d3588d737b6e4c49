/** NODE_DEBUG=vineyard: what is published to the diagnostics channels, as lines on the standard error output. */
import { subscribe, type TracingChannelSubscribers } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import {
  connectTracing,
  requestTracing,
  waitTracing,
  type ChunkMessage,
  type ErrorMessage,
  type ReleasedMessage
} from './channels.js'

const debug = debuglog('vineyard')

/** Writes one line when the work has ended, with how long it took. */
function timed<Message extends object>(
  text: (message: Message) => string
): TracingChannelSubscribers<Message> {
  const started = new WeakMap<Message, number>()
  const ignore = (): void => {}
  return {
    start: message => void started.set(message, performance.now()),
    end: ignore,
    asyncStart: ignore,
    asyncEnd: message => {
      const ms = (performance.now() - (started.get(message) ?? 0)).toFixed(2)
      const failure = message.error === undefined ? '' : `: ${String(message.error)}`
      debug('%s %s %s ms%s', text(message), failure === '' ? 'took' : 'failed after', ms, failure)
    },
    error: ignore
  }
}

const of = ({ stream }: { stream: string | undefined }): string =>
  stream === undefined ? '' : ` of ${stream}`

if (debug.enabled) {
  connectTracing.subscribe(timed(({ address }) => `connecting to ${address}`))
  requestTracing.subscribe(timed(({ type }) => type))
  waitTracing.subscribe(timed(message => `waiting for ${message.for}${of(message)}`))
  for (const what of ['written', 'read', 'copied']) {
    subscribe(`vineyard-streams:chunk:${what}`, message => {
      const chunk = message as ChunkMessage
      debug('chunk%s %s, %d bytes', of(chunk), what, chunk.bytes)
    })
  }
  subscribe('vineyard-streams:chunk:released', message => {
    const chunk = message as ReleasedMessage
    debug(
      'chunk%s given back%s, %d bytes',
      of(chunk),
      chunk.collected ? ' by the collector' : '',
      chunk.bytes
    )
  })
  subscribe('vineyard-streams:error', message => {
    const { error, end, stream, address } = message as ErrorMessage
    debug('%s: %s', end === undefined ? address : `${end} of ${stream}`, error)
  })
}
