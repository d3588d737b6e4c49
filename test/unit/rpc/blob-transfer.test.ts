import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { CompressedReceiver, sendBlobs } from '#dist/rpc/blob-transfer.js'
import { TcpChannelPair } from '../../support/tcp-channel-pair.js'

/** Sends a blob compressed, and expects it at the other end. */
async function passes({ channel, peer }: TcpChannelPair, blob: Buffer): Promise<void> {
  const received = Buffer.alloc(blob.length)
  const receiver = new CompressedReceiver([received])
  const complete = new Promise<void>(resolve => {
    peer.on('data', function take(bytes: Buffer) {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(receiver.take(rest))
      if (!receiver.done) return
      peer.off('data', take)
      resolve()
    })
  })
  await sendBlobs(channel, [[blob]], true)
  await complete
  expect(received.equals(blob)).to.be.true
}

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

  it('keeps the memory of a transfer for the next, and never gives it to two', async () => {
    const other = await TcpChannelPair.open()
    const blob = (): Buffer => randomBytes(3_000_000)
    try {
      await passes(pair, blob())
      // One of them has what the last one left, and both are under way at once.
      await Promise.all([passes(pair, blob()), passes(other, blob())])
      await Promise.all([passes(other, blob()), passes(pair, blob())])
    } finally {
      other.close()
    }
  })
})
