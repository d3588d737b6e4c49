import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { sendBlobs } from '#dist/rpc/blob-transfer.js'
import { TcpChannel } from '#dist/rpc/tcp-channel.js'

describe('sendBlobs', () => {
  let server: Server
  let peer: Socket
  let channel: TcpChannel

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1' })
    ;[peer] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')]))[0] as [Socket]
    channel = new TcpChannel(socket, 1000)
    channel.start({ onMessages: () => {}, onDrain: () => {}, onClose: () => {} })
  })
  afterEach(() => {
    channel.close()
    peer.destroy()
    server.close()
  })

  it('has not done with compressed blobs before the system has all of them: until then their progress is what is timed', async () => {
    peer.pause()
    let left: number | undefined
    const sending = sendBlobs(channel, [[randomBytes(16 * 2 ** 20)]], true).then(
      () => (left = channel.queued)
    )
    // The peer takes a little at a time, so that something waits in this process until the end.
    while (left === undefined) {
      while (channel.queued === 0 && left === undefined) await new Promise(setImmediate)
      peer.read(64 * 1024)
      await new Promise(setImmediate)
    }
    await sending
    expect(left).to.equal(0)
  })
})
