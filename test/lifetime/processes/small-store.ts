import { Store } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'

/** A store until it is told to end. */
await receiveJob()
const store = await Store.start({ size: '16Mi' })
await tell(store.socket)
await receiveJob()
await store.close()
process.disconnect()
