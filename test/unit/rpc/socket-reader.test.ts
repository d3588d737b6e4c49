import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect } from 'chai'
import { PlainReceiver } from '#dist/rpc/blob-transfer.js'
import type { TcpChannel } from '#dist/rpc/tcp-channel.js'
import { TcpChannelPair } from '../../support/tcp-channel-pair.js'

/** Tells what came the short way. */
class Watched extends PlainReceiver {
  direct = 0

  override take(bytes: Buffer): number {
    const count = super.take(bytes)
    this.direct -= count
    return count
  }

  override filled(count: number): void {
    this.direct += count
    super.filled(count)
  }
}

function frame(text: string): Buffer {
  const bytes = Buffer.alloc(8 + text.length, text)
  bytes.writeBigUInt64LE(BigInt(text.length))
  bytes.write(text, 8)
  return bytes
}

describe('SocketReader', () => {
  let peer: Socket
  let channel: TcpChannel
  let pair: TcpChannelPair
  const messages: unknown[] = []
  let onMessage: () => void

  beforeEach(async () => {
    messages.length = 0
    pair = await TcpChannelPair.open(some => {
      messages.push(...some)
      onMessage()
    })
    ;({ channel, peer } = pair)
  })
  afterEach(() => {
    pair.close()
  })

  it('reads the bytes of blobs into their memory, and frames around them', async () => {
    const sizes = [3_000_000, 10, 0, 700_001]
    const blobs = sizes.map(size => randomFillSync(Buffer.alloc(size)))
    const targets = sizes.map(size => new Uint8Array(size))
    const sink = new Watched(targets)
    const arrived = new Promise<void>(resolve => {
      onMessage = () => {
        if (messages.length === 1) channel.receiveRaw(sink, () => {})
        else resolve()
      }
    })
    const all = Buffer.concat([frame('"before"'), ...blobs, frame('"behind"')])
    // In pieces of every size, the ends of blobs and frames anywhere in them.
    for (let at = 0, size = 1; at < all.length; at += size, size = (size * 3) % 400_009) {
      if (!peer.write(all.subarray(at, at + size))) await once(peer, 'drain')
    }
    await arrived
    expect(messages).to.deep.equal(['"before"', '"behind"'])
    for (const [index, blob] of blobs.entries()) expect(blob.equals(targets[index] as Uint8Array)).to.be.true
    expect(sink.direct).to.be.above(1_000_000)
  })

  it('reads nothing more after end(), while what was sent before is on its way', async () => {
    const target = new Uint8Array(2 ** 20)
    onMessage = () => channel.receiveRaw(new PlainReceiver([target]), () => {})
    const begun = once(peer.pause(), 'drain')
    if (peer.write(Buffer.concat([frame('"go"'), Buffer.alloc(300_000, 1)]))) peer.emit('drain')
    await begun
    while (target[0] === 0) await new Promise(setImmediate)
    void channel.sendRaw(Buffer.alloc(2 ** 24))
    channel.end()
    peer.write(Buffer.alloc(300_000, 2))
    peer.resume()
    await once(peer, 'end')
    expect(target.indexOf(2)).to.equal(-1)
  })
})
