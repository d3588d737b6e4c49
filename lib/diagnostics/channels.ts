/**
 * The diagnostics channels that this package publishes to; docs/watching.md describes them for those who subscribe.
 * Nobody makes a message before a look at `hasSubscribers`: without subscribers they cost that look.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'

/** A connection is made: each client has one, and each reader and writer one of its own. */
export interface ConnectMessage {
  /** Path of the server's socket, or its endpoint. */
  address: string
  /** Version of the extension that both ends speak, 0 on a vineyardd; known at the end. */
  extension: number | undefined
}

/** A request is sent, until its reply. */
export interface RequestMessage {
  /** The request's type on the wire, such as `get_data_request`. */
  type: string
  /** Whether the reply may depend on somebody else: a chunk, a name, memory. */
  waits: boolean
  /** Path of the server's socket, or its endpoint. */
  address: string
}

/** Somebody is held up by another process. */
export interface WaitMessage {
  /** A writer waits for its window or for memory, a reader for a chunk. */
  for: 'window' | 'memory' | 'chunk'
  /** Undefined where no stream is concerned. */
  stream: ObjectId | undefined
}

/** One chunk of a stream, or a value of `client.get` where `stream` is undefined. */
export interface ChunkMessage {
  /** Id of the stream. */
  stream: ObjectId | undefined
  /** Bytes of shared memory. */
  bytes: number
}

/** A leased chunk was given back. */
export interface ReleasedMessage extends ChunkMessage {
  /** Whether the garbage collector gave it back, instead of `release`. */
  collected: boolean
}

/** A stream failed, or a connection was lost. */
export interface ErrorMessage {
  /** Why. */
  error: VineyardError
  /** The stream; undefined for a connection. */
  stream: ObjectId | undefined
  /** Which end of it learnt of the failure; undefined for a connection. */
  end: 'reader' | 'writer' | undefined
  /** The server of the lost connection. */
  address: string | undefined
}

export const connectTracing = tracingChannel<unknown, ConnectMessage>('vineyard-streams:connect')
export const requestTracing = tracingChannel<unknown, RequestMessage>('vineyard-streams:request')
export const waitTracing = tracingChannel<unknown, WaitMessage>('vineyard-streams:wait')
export const chunkWritten = typed<ChunkMessage>('vineyard-streams:chunk:written')
export const chunkRead = typed<ChunkMessage>('vineyard-streams:chunk:read')
export const chunkCopied = typed<ChunkMessage>('vineyard-streams:chunk:copied')
export const chunkReleased = typed<ReleasedMessage>('vineyard-streams:chunk:released')
export const errorChannel = typed<ErrorMessage>('vineyard-streams:error')

/** A channel that takes messages of one type only. */
interface Publisher<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

function typed<Message>(name: string): Publisher<Message> {
  return channel(name)
}
