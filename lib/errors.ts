/** Upstream's status codes (src/common/util/status.h of v6d 0.24): number on the wire and name. */
export const statusNames = {
  1: 'Invalid',
  2: 'KeyError',
  3: 'TypeError',
  4: 'IOError',
  5: 'EndOfFile',
  6: 'NotImplemented',
  7: 'AssertionFailed',
  8: 'UserInputError',
  11: 'ObjectExists',
  12: 'ObjectNotExists',
  13: 'ObjectSealed',
  14: 'ObjectNotSealed',
  15: 'ObjectIsBlob',
  16: 'ObjectTypeError',
  17: 'ObjectSpilled',
  18: 'ObjectNotSpilled',
  21: 'MetaTreeInvalid',
  22: 'MetaTreeTypeInvalid',
  23: 'MetaTreeTypeNotExists',
  24: 'MetaTreeNameInvalid',
  25: 'MetaTreeNameNotExists',
  26: 'MetaTreeLinkInvalid',
  27: 'MetaTreeSubtreeNotExists',
  31: 'VineyardServerNotReady',
  32: 'ArrowError',
  33: 'ConnectionFailed',
  34: 'ConnectionError',
  35: 'EtcdError',
  36: 'AlreadyStopped',
  37: 'RedisError',
  41: 'NotEnoughMemory',
  42: 'StreamDrained',
  43: 'StreamFailed',
  44: 'InvalidStreamState',
  45: 'StreamOpened',
  51: 'GlobalObjectInvalid',
  255: 'UnknownError',
  // Of this package's store, sent only to clients that have agreed on its extension.
  1043: 'ReaderEvicted'
} as const

export type StatusCode = keyof typeof statusNames

/** The statuses by name, for code that sends or compares them. */
export const Status = {
  Invalid: 1,
  KeyError: 2,
  IOError: 4,
  NotImplemented: 6,
  AssertionFailed: 7,
  UserInputError: 8,
  ObjectExists: 11,
  ObjectNotExists: 12,
  ObjectSealed: 13,
  ObjectNotSealed: 14,
  MetaTreeInvalid: 21,
  MetaTreeTypeNotExists: 23,
  MetaTreeNameInvalid: 24,
  MetaTreeNameNotExists: 25,
  MetaTreeSubtreeNotExists: 27,
  ConnectionError: 34,
  NotEnoughMemory: 41,
  StreamDrained: 42,
  StreamFailed: 43,
  InvalidStreamState: 44,
  StreamOpened: 45,
  GlobalObjectInvalid: 51,
  ReaderEvicted: 1043
} as const satisfies Record<string, StatusCode>

/** Every code a VineyardError can have. Codes are stable: one is only ever added. */
export type VineyardErrorCode =
  /** The server could not be reached. */
  | 'ERR_VINEYARD_CONNECT'
  /** The server went away, or the connection broke, while something was waiting. */
  | 'ERR_VINEYARD_CONNECTION_LOST'
  /** The client, store, reader or writer was closed by this process, or the store is closing. */
  | 'ERR_VINEYARD_CLOSED'
  /** A reply or a request that is not what the protocol says. */
  | 'ERR_VINEYARD_PROTOCOL'
  /** No answer within the `timeout` that was asked for, or a peer that neither sends nor takes anything past `idleTimeout`. */
  | 'ERR_VINEYARD_TIMEOUT'
  /** User or password was refused. */
  | 'ERR_VINEYARD_AUTH'
  /** The object, blob or name does not exist (any more). */
  | 'ERR_VINEYARD_NOT_FOUND'
  /** The object, stream or name exists already. */
  | 'ERR_VINEYARD_EXISTS'
  /** A blob that was not sealed, or sealed where it must not be. */
  | 'ERR_VINEYARD_SEALED'
  /** The server has no memory left, or the chunk can never fit. */
  | 'ERR_VINEYARD_NO_MEMORY'
  /** The stream has ended: there are no more chunks. */
  | 'ERR_VINEYARD_STREAM_DRAINED'
  /** The stream failed: its producer or consumer died, gave up, or called fail(). */
  | 'ERR_VINEYARD_STREAM_FAILED'
  /** The stream is in a state that does not allow this (stopped, or another reader is waiting). */
  | 'ERR_VINEYARD_STREAM_STATE'
  /** The stream has been opened for reading or writing already; that can be done once. */
  | 'ERR_VINEYARD_STREAM_OPENED'
  /** This reader was the slowest of several, of a stream that does not wait for it (policy 'evict'). */
  | 'ERR_VINEYARD_READER_EVICTED'
  /** A zero-copy value was used after it had been released. */
  | 'ERR_VINEYARD_RELEASED'
  /** A value of a kind that cannot be stored, or stored metadata that cannot be read. */
  | 'ERR_VINEYARD_TYPE'
  /** Metadata that is inconsistent or hostile. */
  | 'ERR_VINEYARD_METADATA'
  /** The server refuses what does not go together, such as a name for an object that was not persisted. */
  | 'ERR_VINEYARD_INVALID'
  /** The server does not offer this. */
  | 'ERR_VINEYARD_UNSUPPORTED'
  /** The native part of the package could not be loaded; the message says what was tried and what to do. */
  | 'ERR_VINEYARD_NO_BINARY'
  /** Any other error status of the server; `status` and `statusName` say which. */
  | 'ERR_VINEYARD_SERVER'

const codeOfStatus: Partial<Record<StatusCode, VineyardErrorCode>> = {
  1: 'ERR_VINEYARD_INVALID',
  6: 'ERR_VINEYARD_UNSUPPORTED',
  11: 'ERR_VINEYARD_EXISTS',
  12: 'ERR_VINEYARD_NOT_FOUND',
  13: 'ERR_VINEYARD_SEALED',
  14: 'ERR_VINEYARD_SEALED',
  21: 'ERR_VINEYARD_METADATA',
  22: 'ERR_VINEYARD_METADATA',
  23: 'ERR_VINEYARD_METADATA',
  24: 'ERR_VINEYARD_METADATA',
  25: 'ERR_VINEYARD_METADATA',
  26: 'ERR_VINEYARD_METADATA',
  27: 'ERR_VINEYARD_NOT_FOUND',
  34: 'ERR_VINEYARD_AUTH',
  36: 'ERR_VINEYARD_CLOSED',
  41: 'ERR_VINEYARD_NO_MEMORY',
  42: 'ERR_VINEYARD_STREAM_DRAINED',
  43: 'ERR_VINEYARD_STREAM_FAILED',
  44: 'ERR_VINEYARD_STREAM_STATE',
  45: 'ERR_VINEYARD_STREAM_OPENED',
  1043: 'ERR_VINEYARD_READER_EVICTED'
}

const brand = Symbol.for('vineyard-streams.VineyardError')

/** What led to a VineyardError. */
export interface VineyardErrorOptions {
  /** The error behind this one. */
  cause?: unknown
  /** Upstream's numeric status, where the error came from a server or has a counterpart there. */
  status?: number | undefined
}

/**
 * The error of everything that fails in this package, except wrong arguments (`TypeError`, `RangeError` with a Node
 * code) and aborted waits (`AbortError`). `instanceof` works across copies of the package.
 */
export class VineyardError extends Error {
  /** For logs. */
  override readonly name = 'VineyardError'
  /** What happened, for programs: docs/errors.md lists all codes. */
  readonly code: VineyardErrorCode
  /** Upstream's numeric status, e.g. 12. */
  readonly status: number | undefined
  /** Upstream's name of the status, e.g. 'ObjectNotExists'. */
  readonly statusName: string | undefined

  constructor(code: VineyardErrorCode, message: string, options: VineyardErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.status = options.status
    this.statusName = statusNames[options.status as StatusCode]
    Object.defineProperty(this, brand, { value: true })
    // Formatted at once: until then V8 keeps the frames with their `this`, and some errors live as long as a connection.
    void this.stack
  }

  /** The error for an error reply of a server. */
  static fromStatus(status: number, message: string): VineyardError {
    const name = statusNames[status as StatusCode] ?? `status ${status}`
    const code = codeOfStatus[status as StatusCode] ?? 'ERR_VINEYARD_SERVER'
    return new VineyardError(code, message ? `${name}: ${message}` : name, { status })
  }

  /** Also true for the errors of another copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}
