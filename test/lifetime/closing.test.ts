import { expect } from 'chai'
import type { Client, ObjectId } from 'vineyard-streams'
import { FrameProxy } from '../support/frame-proxy.js'
import { numberedBatch } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { onEachServer } from '../support/subjects.js'

const bytes = 2 ** 20
const values: Record<string, () => unknown> = {
  'a blob': () => Buffer.alloc(bytes, 1),
  'an object': () => numberedBatch(1, bytes)
}
/** The requests of a `put`, each of which leaves something on the server that is not known here before it is answered. */
const steps: [what: string, request: RegExp, values: string[]][] = [
  ['memory', /"create_buffers?_request"/, ['a blob', 'an object']],
  ['a seal', /"seal_request"/, ['a blob', 'an object']],
  ['metadata', /"create_datas?_request"/, ['an object']]
]

onEachServer('A client that is closed in the middle of a put', '16Mi', bench => {
  let proxy: FrameProxy
  let client: Client
  let observer: Client
  /** What happens when a request passes. */
  let on: { request: RegExp; run: () => void } | undefined

  beforeEach(async () => {
    observer = await bench.client()
    proxy = new FrameProxy(bench.server.socket, {
      request: text => {
        if (on === undefined || !on.request.test(text ?? '')) return
        const { run } = on
        on = undefined
        run()
      }
    })
    client = await bench.subject.connect({ socket: proxy.socket, close: () => Promise.resolve() })
  })
  afterEach(async () => {
    await client.close()
    proxy.close()
  })

  async function stored(id: ObjectId): Promise<void> {
    expect(await observer.exists(id)).to.equal(true)
    await observer.delete(id)
    await memoryReturns(observer, 0)
  }

  for (const [what, request, names] of steps) {
    for (const name of names) {
      it(`lets it end: ${name}, while it asks for ${what}`, async () => {
        const closing = new Promise<void>(resolve => {
          on = { request, run: () => resolve(client.close()) }
        })
        const id = await client.put(values[name]!())
        await closing
        await stored(id)
      })

      it(`leaves nothing of one that was aborted: ${name}, while it asks for ${what}`, async () => {
        const controller = new AbortController()
        const closing = new Promise<void>(resolve => {
          const run = (): void => {
            controller.abort()
            resolve(client.close())
          }
          on = { request, run }
        })
        const put = client.put(values[name]!(), { signal: controller.signal })
        expect(await rejection(put)).to.have.property('code', 'ABORT_ERR')
        await closing
        await memoryReturns(observer, 0)
        expect(await observer.list()).to.deep.equal([])
      })
    }
  }

  it('takes no other', async () => {
    let late: Promise<Error & { code?: string }> | undefined
    const closing = new Promise<void>(resolve => {
      const run = (): void => {
        resolve(client.close())
        late = rejection(client.put(values['a blob']!()))
      }
      on = { request: /"seal_request"/, run }
    })
    const id = await client.put(values['a blob']!())
    expect(await late).to.have.property('code', 'ERR_VINEYARD_CLOSED')
    await closing
    await stored(id)
  })
})
