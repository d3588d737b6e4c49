import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { sendBlobs } from '#dist/rpc/blob-transfer.js'
import { TcpChannelPair } from '../../support/tcp-channel-pair.js'

describe('sendBlobs', () => {
  let pair: TcpChannelPair

  beforeEach(async () => {
    pair = await TcpChannelPair.open()
  })
  afterEach(() => {
    pair.close()
  })

  it('has not done with compressed blobs before the system has all of them: until then their progress is what is timed', async () => {
    const { channel, peer } = pair
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
