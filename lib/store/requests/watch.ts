import { RequestError } from '../request-error.js'
import { readFlag } from '../request.js'
import { takeSnapshot } from '../watch/snapshot.js'
import { type Handler, route } from './handler.js'

const snapshot: Handler = (request, { engine, peer }) => {
  if (peer.extension === 0) throw RequestError.invalid('the connection has not agreed on the extension')
  const text = JSON.stringify(takeSnapshot(engine, readFlag(request, 'objects')))
  return `{"snapshot":${text},"type":"store_snapshot_reply"}`
}

export const watchRoutes = [route('store_snapshot_request', snapshot)]
