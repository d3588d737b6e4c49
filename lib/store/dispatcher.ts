import { bufferRoutes } from './requests/buffers.js'
import { chunkRoutes } from './requests/chunks.js'
import type { Answer, Route, ServerFacts } from './requests/handler.js'
import { metadataRoutes } from './requests/metadata.js'
import { nameRoutes } from './requests/names.js'
import { remoteBufferRoutes } from './requests/remote-buffers.js'
import { sessionRoutes } from './requests/session.js'
import { streamRoutes } from './requests/streams.js'
import { watchRoutes } from './requests/watch.js'
import { quoteText } from '../protocol/json.js'
import type { Engine } from './engine.js'
import type { Peer } from './peer.js'
import { RequestError } from './request-error.js'
import { parseRequest, toU64 } from './request.js'

const unknownError = 255

const routes = new Map<string, Route>(
  [
    ...sessionRoutes,
    ...bufferRoutes,
    ...remoteBufferRoutes,
    ...chunkRoutes,
    ...metadataRoutes,
    ...nameRoutes,
    ...streamRoutes,
    ...watchRoutes
  ].map(r => [r.type, r])
)

/**
 * Every type of request that is known, answered or refused.
 * @public for the fuzz tests, which must not forget one
 */
export const requestTypes: readonly string[] = [...routes.keys()]

/** A cheap look at a frame before it is parsed. */
const oneWayTypes = new RegExp(
  [...routes.values()]
    .filter(r => r.oneWay)
    .map(r => `"${r.type}"`)
    .join('|')
)

/** The text of the error reply for whatever was thrown. */
export function errorReply(error: unknown): string {
  const code = error instanceof RequestError ? error.status : unknownError
  const message = error instanceof Error ? error.message : String(error)
  return `{"code":${code},"message":${quoteText(message.slice(0, 4096))}}`
}

/** Finds the handler of a request and turns whatever it throws into an error reply. */
export class Dispatcher {
  readonly #engine: Engine
  readonly #facts: ServerFacts

  constructor(engine: Engine, facts: ServerFacts) {
    this.#engine = engine
    this.#facts = facts
  }

  /** Handles one frame; null stands for one that is not valid UTF-8. Never throws. */
  dispatch(text: string | null, peer: Peer): Answer {
    const { requests } = this.#engine
    requests.handled += 1
    try {
      return this.#handle(text, peer)
    } catch (error) {
      requests.refused += 1
      return errorReply(error)
    }
  }

  /** Whether a frame that arrives while another request waits is to be handled at once. */
  isOneWay(text: string, peer: Peer): boolean {
    if (peer.extension === 0 || !oneWayTypes.test(text)) return false
    try {
      return routes.get(parseRequest(text)['type'] as string)?.oneWay === true
    } catch {
      return false
    }
  }

  #handle(text: string | null, peer: Peer): Answer {
    if (text === null) throw RequestError.invalid('the message is not valid UTF-8')
    const request = parseRequest(text)
    const type = request['type']
    if (typeof type !== 'string')
      throw RequestError.invalid("the message has no field 'type' that is a string")
    const route = routes.get(type)
    if (!peer.registered && !route?.unregistered) {
      throw RequestError.invalid('the connection is not registered yet')
    }
    if (!route) throw RequestError.invalid(`unexpected command: ${type.slice(0, 200)}`)
    // A message that looks like an error reply is answered as upstream does: with the same error.
    if (request['code'] !== undefined) return echoError(request['code'], request['message'])
    if (route.work && this.#facts.closing) throw RequestError.closing()
    return route.handle(request, { engine: this.#engine, peer, facts: this.#facts })
  }
}

function echoError(code: unknown, message: unknown): string {
  const number = toU64(code)
  if (number === undefined) throw RequestError.invalid("the field 'code' must be a number")
  const text = typeof message === 'string' ? message.slice(0, 4096) : ''
  return `{"code":${BigInt.asIntN(32, number)},"message":${JSON.stringify(text)}}`
}
