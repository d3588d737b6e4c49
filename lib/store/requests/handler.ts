import type { Engine } from '../engine.js'
import type { Download, Upload } from '../exchange.js'
import type { Peer } from '../peer.js'
import type { Request } from '../request.js'
import type { Waiting } from '../waiting.js'

/** What a handler can use besides the request. */
export interface RequestContext {
  readonly engine: Engine
  readonly peer: Peer
  readonly facts: ServerFacts
}

/** What the server tells about itself. */
export interface ServerFacts {
  readonly socket: string
  readonly rpcEndpoint: string
  /** Checks a registration. */
  authenticate(username: string, password: string): boolean
  connections(): { ipc: number; rpc: number }
  /** The store takes no new work any more. */
  readonly closing: boolean
}

/** The connection is to be closed without a reply. */
export const closeConnection = Symbol('closeConnection')

/**
 * What a request is answered with: the text of the reply, a reply to come, a reply with the bytes of blobs before or
 * behind it, the end of the connection, or undefined for one-way messages.
 */
export type Answer = string | Waiting | Upload | Download | typeof closeConnection | undefined

/** Answers one type of request. Throws RequestError for an error reply. */
export type Handler = (request: Request, context: RequestContext) => Answer

export interface HandlerOptions {
  /** May be used before the connection has registered. */
  unregistered?: boolean
  /** Acted upon even while another request of the connection waits, and never answered. */
  oneWay?: boolean
  /** Brings new work: refused while the store is closing. */
  work?: boolean
}

export interface Route extends HandlerOptions {
  readonly type: string
  readonly handle: Handler
}

export function route(type: string, handle: Handler, options: HandlerOptions = {}): Route {
  return { type, handle, ...options }
}

/** A reply with no fields but its type. */
export function plainReply(type: string): string {
  return `{"type":"${type}"}`
}
