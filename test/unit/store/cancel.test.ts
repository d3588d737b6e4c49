import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { RawClient } from './raw-client.js'
import { MiB } from './support.js'

const full = 14 * MiB

describe('a wait for memory', () => {
  let store: Store
  let client: RawClient

  before(async () => {
    store = await Store.start({ size: '16Mi' })
  })
  beforeEach(async () => {
    client = await RawClient.connect(store.socket, { vineyard_streams: 1 })
    await client.ask('create_buffers_request', { sizes: [full] })
  })
  afterEach(() => client.channel.close())
  after(() => store.close())

  const wait = (size: number, ticket: number): void =>
    client.send('create_buffers_request', { sizes: [size], wait: true, ticket })
  const cancel = (ticket: number): void => client.send('cancel_waiting', { ticket })

  it('is ended by a cancellation, and what stands behind it goes on', async () => {
    wait(4 * MiB, 1)
    wait(1 * MiB, 2)
    cancel(1)
    expect((await client.next()).code).to.equal(36)
    expect((await client.next()).ids).to.have.length(1)
  })

  it('can be cancelled while another one stands before it', async () => {
    wait(4 * MiB, 1)
    wait(4 * MiB, 2)
    wait(1 * MiB, 3)
    cancel(2)
    cancel(1)
    expect((await client.next()).code).to.equal(36)
    expect((await client.next()).code).to.equal(36)
    expect((await client.next()).ids).to.have.length(1)
  })

  it('is not ended by a cancellation of another one, early or late', async () => {
    wait(1 * MiB, 1)
    expect((await client.next()).ids).to.have.length(1)
    wait(4 * MiB, 2)
    cancel(1)
    for (let ticket = 10; ticket < 5000; ticket += 1) cancel(ticket)
    cancel(2)
    // The one before it is the first reply there is, and nothing was answered to any cancellation.
    expect((await client.next()).code).to.equal(36)
    expect((await client.ask('exists_request', { id: 5 })).exists).to.equal(false)
  })

  it('of others goes on', async () => {
    const other = await RawClient.connect(store.socket, { vineyard_streams: 1 })
    other.send('create_buffers_request', { sizes: [4 * MiB], wait: true, ticket: 1 })
    while ((await store.status()).memoryRequests === 0) continue
    cancel(1)
    expect((await client.ask('exists_request', { id: 5 })).exists).to.equal(false)
    expect((await store.status()).memoryRequests).to.equal(1)
    other.channel.close()
  })
})
