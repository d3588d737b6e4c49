import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import type { VineyardErrorCode } from 'vineyard-streams'

/** The compiler refuses this list when it is not the codes of VineyardErrorCode, all of them. */
const codes: Record<VineyardErrorCode, true> = {
  ERR_VINEYARD_CONNECT: true,
  ERR_VINEYARD_CONNECTION_LOST: true,
  ERR_VINEYARD_CLOSED: true,
  ERR_VINEYARD_PROTOCOL: true,
  ERR_VINEYARD_TIMEOUT: true,
  ERR_VINEYARD_AUTH: true,
  ERR_VINEYARD_NOT_FOUND: true,
  ERR_VINEYARD_EXISTS: true,
  ERR_VINEYARD_SEALED: true,
  ERR_VINEYARD_NO_MEMORY: true,
  ERR_VINEYARD_STREAM_DRAINED: true,
  ERR_VINEYARD_STREAM_FAILED: true,
  ERR_VINEYARD_STREAM_STATE: true,
  ERR_VINEYARD_STREAM_OPENED: true,
  ERR_VINEYARD_READER_EVICTED: true,
  ERR_VINEYARD_RELEASED: true,
  ERR_VINEYARD_TYPE: true,
  ERR_VINEYARD_METADATA: true,
  ERR_VINEYARD_INVALID: true,
  ERR_VINEYARD_UNSUPPORTED: true,
  ERR_VINEYARD_NO_BINARY: true,
  ERR_VINEYARD_SERVER: true
}

describe('Error codes', () => {
  it('are all documented in docs/errors.md, each once, and no others', () => {
    const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `(ERR_VINEYARD_\w+)` \|/gm)].map(([, code]) => code)
    expect(rows.sort()).to.deep.equal(Object.keys(codes).sort())
  })
})
