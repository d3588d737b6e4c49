import { Status, type StatusCode } from '../errors.js'

/** Ends a request with an error reply: `status` is upstream's number, `message` is for people. */
export class RequestError extends Error {
  override readonly name = 'RequestError'

  constructor(
    readonly status: StatusCode,
    message: string
  ) {
    super(message)
  }

  /** The store is closing and takes no new work. */
  static closing(): RequestError {
    return new RequestError(36, 'the store is closing')
  }

  /** The client that waited has given up. */
  static cancelled(): RequestError {
    return new RequestError(36, 'the request was cancelled')
  }

  static invalid(message: string): RequestError {
    return new RequestError(Status.Invalid, message)
  }
}
