import { connect, Store } from 'vineyard-streams'
import { everywhere, type Table } from '../../support/outcome.js'

export const storeStates = ['open', 'closing', 'closed', 'thread gone'] as const
export const storeTable: Table<(typeof storeStates)[number], Store> = {
  'status()': [
    store => store.status(),
    { open: 'value', closing: 'CLOSED', closed: 'CLOSED', 'thread gone': 'CONNECTION_LOST' }
  ],
  'ref()': [async store => store.ref(), everywhere(storeStates, 'nothing')],
  'unref()': [async store => store.unref(), everywhere(storeStates, 'nothing')],
  'connect() to it': [
    async store => (await connect(store.socket)).close(),
    { open: 'nothing', closing: 'CONNECT | CONNECTION_LOST', closed: 'CONNECT', 'thread gone': 'CONNECT' }
  ],
  'Store.start() on its socket': [
    async store => (await Store.start({ socket: store.socket, size: '1Mi' })).close(),
    { open: 'EXISTS', closing: 'EXISTS | nothing', closed: 'nothing', 'thread gone': 'nothing' }
  ],
  'close()': [store => store.close(), everywhere(storeStates, 'nothing')],
  'close() without draining': [store => store.close({ drain: 0 }), everywhere(storeStates, 'nothing')],
  '[Symbol.asyncDispose]()': [store => store[Symbol.asyncDispose](), everywhere(storeStates, 'nothing')]
}
