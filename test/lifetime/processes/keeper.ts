import { once } from 'node:events'
import { connect } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'

/** Looks at an object in shared memory until it is killed. */
const { socket, id } = await receiveJob<{ socket: string; id: string }>()
const client = await connect(socket)
const value: unknown = await client.get(id, { zeroCopy: true })
await tell({ keeps: typeof value })
await once(process, 'message')
