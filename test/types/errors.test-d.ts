/** What the compiler must know of errors: a code that comes or goes has to be entered here and in docs/errors.md. */
import { VineyardError, type VineyardErrorCode } from 'vineyard-streams'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

type Codes =
  | 'ERR_VINEYARD_CONNECT'
  | 'ERR_VINEYARD_CONNECTION_LOST'
  | 'ERR_VINEYARD_CLOSED'
  | 'ERR_VINEYARD_PROTOCOL'
  | 'ERR_VINEYARD_TIMEOUT'
  | 'ERR_VINEYARD_AUTH'
  | 'ERR_VINEYARD_NOT_FOUND'
  | 'ERR_VINEYARD_EXISTS'
  | 'ERR_VINEYARD_SEALED'
  | 'ERR_VINEYARD_NO_MEMORY'
  | 'ERR_VINEYARD_STREAM_DRAINED'
  | 'ERR_VINEYARD_STREAM_FAILED'
  | 'ERR_VINEYARD_STREAM_STATE'
  | 'ERR_VINEYARD_STREAM_OPENED'
  | 'ERR_VINEYARD_READER_EVICTED'
  | 'ERR_VINEYARD_RELEASED'
  | 'ERR_VINEYARD_TYPE'
  | 'ERR_VINEYARD_METADATA'
  | 'ERR_VINEYARD_INVALID'
  | 'ERR_VINEYARD_UNSUPPORTED'
  | 'ERR_VINEYARD_NO_BINARY'
  | 'ERR_VINEYARD_SERVER'

export const codesAreThese: Same<VineyardErrorCode, Codes> = true

declare const error: unknown
if (error instanceof VineyardError) {
  const code: VineyardErrorCode = error.code
  const status: number | undefined = error.status
  const name: string | undefined = error.statusName
  const cause: unknown = error.cause
  void [code, status, name, cause]
  // @ts-expect-error no such code
  void (error.code === 'ERR_VINEYARD_NONSENSE')
}
