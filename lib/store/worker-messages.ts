import { VineyardError, type VineyardErrorCode } from '../errors.js'
import type { NativeError } from '../native.js'
import type { StoreStatus } from './status.js'

export type ToWorker = { ask: 'status'; number: number } | { ask: 'close'; drain: number }

export interface Started {
  tell: 'started'
  socket: string
  rpcEndpoint: string | undefined
  uiUrl: string | undefined
  metricsUrl: string | undefined
}

export type FromWorker =
  | Started
  | { tell: 'failed'; error: ErrorDescription }
  | { tell: 'status'; number: number; status: StoreStatus }

/** An error on its way between threads, which would otherwise lose its class and code. */
export interface ErrorDescription {
  kind: 'vineyard' | 'type' | 'range' | 'error'
  message: string
  code: string | undefined
  status: number | undefined
  cause: ErrorDescription | undefined
  /** What a failed system call says besides. */
  errno: number | undefined
  syscall: string | undefined
}

export function describeError(error: unknown): ErrorDescription {
  const { message, code, cause, errno, syscall } = error as NativeError
  const status = error instanceof VineyardError ? error.status : undefined
  const kind =
    error instanceof VineyardError
      ? 'vineyard'
      : error instanceof TypeError
        ? 'type'
        : error instanceof RangeError
          ? 'range'
          : 'error'
  return {
    kind,
    message: String(message),
    code,
    status,
    cause: cause === undefined ? undefined : describeError(cause),
    errno,
    syscall
  }
}

/** The error that a description is of. */
export function restoreError(description: ErrorDescription): Error {
  const { kind, message, code, status, errno, syscall } = description
  const cause = description.cause && restoreError(description.cause)
  if (kind === 'vineyard') {
    const options = status === undefined ? { cause } : { cause, status }
    return new VineyardError(code as VineyardErrorCode, message, options)
  }
  const options = cause === undefined ? undefined : { cause }
  const error =
    kind === 'type'
      ? new TypeError(message, options)
      : kind === 'range'
        ? new RangeError(message, options)
        : new Error(message, options)
  return Object.assign(
    error,
    code === undefined ? {} : { code },
    errno === undefined ? {} : { errno, syscall }
  )
}
