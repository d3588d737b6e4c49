import { expect } from 'chai'
import type { Client } from 'vineyard-streams'
import { FrameProxy } from '../support/frame-proxy.js'
import { rejection } from '../support/rejection.js'
import { eventually } from '../support/settling.js'
import { onEachServer } from '../support/subjects.js'

const waits = 5

onEachServer('Waits for names', '16Mi', bench => {
  let proxy: FrameProxy
  let client: Client
  let observer: Client
  let asked: number
  /** Connections that a server has without any wait. */
  let connections: number

  beforeEach(async () => {
    asked = 0
    observer = await bench.client()
    proxy = new FrameProxy(bench.server.socket, {
      request: text => {
        if (text?.includes('"get_name_request"')) asked += 1
      }
    })
    client = await bench.subject.connect({ socket: proxy.socket, close: () => Promise.resolve() })
    ;({ ipcConnections: connections } = await observer.status())
  })
  afterEach(async () => {
    await client.close()
    proxy.close()
  })

  /** So many waits for a name that nobody puts, each of which the server knows of. */
  async function waiting(signal?: AbortSignal): Promise<Promise<Error & { code?: string }>[]> {
    const all = Array.from({ length: waits }, () =>
      rejection(client.getName('waits/never', signal === undefined ? { wait: true } : { wait: true, signal }))
    )
    await eventually(() => asked >= waits, 'not all have asked')
    return all
  }

  /** Nothing of them is left on the server but `own` connections. */
  async function over(own: number): Promise<void> {
    await eventually(async () => {
      const { ipcConnections, deferredRequests } = await observer.status()
      return ipcConnections === own && deferredRequests === 0
    }, 'the server holds connections, or requests, of waits that have ended')
  }

  it('end with their signal, and leave nothing on the server', async () => {
    const controller = new AbortController()
    const all = await waiting(controller.signal)
    controller.abort()
    for (const wait of all) expect(await wait).to.have.property('code', 'ABORT_ERR')
    await over(connections)
  })

  it('end with their client, and leave nothing on the server', async () => {
    const all = await waiting()
    await client.close()
    for (const wait of all) expect(await wait).to.have.property('code', 'ERR_VINEYARD_CLOSED')
    await over(connections - 1)
  })

  it('end with the connection to the server', async () => {
    const all = await waiting()
    proxy.close()
    for (const wait of all) expect(await wait).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
    await over(connections - 1)
  })

  it('end with the name', async () => {
    const waiting = client.getName('waits/later', { wait: true })
    await eventually(() => asked > 0, 'it has not asked')
    const id = await observer.put('later')
    await observer.persist(id)
    await observer.putName(id, 'waits/later')
    expect(await waiting).to.equal(id)
    await over(connections)
    await observer.dropName('waits/later')
    await observer.delete(id)
  })
})
