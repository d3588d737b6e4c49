import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { PlainReceiver } from '#dist/rpc/blob-transfer.js'
import { TcpChannelPair } from '../../support/tcp-channel-pair.js'

const blobBytes = 4_000_000
/** The first read of a blob is as small as what has come, here a single packet; from then on the socket gathers. */
const firstBytes = 20_000
const silenceMs = 1_500

/** Notes how much each read brought. */
class Watched extends PlainReceiver {
  readonly reads: number[] = []

  override filled(count: number): void {
    this.reads.push(count)
    super.filled(count)
  }
}

describe('Gathering', () => {
  let pair: TcpChannelPair
  let sink: Watched
  let received: Promise<void>

  beforeEach(async () => {
    pair = await TcpChannelPair.open()
    pair.peer.setNoDelay(true)
    sink = new Watched([new Uint8Array(blobBytes)])
    received = new Promise(resolve => pair.channel.receiveRaw(sink, resolve))
    await send(firstBytes)
    while (sink.reads.length === 0) await new Promise(setImmediate)
  })
  afterEach(() => {
    pair.close()
  })

  /** Resolves when the system has it all. */
  async function send(bytes: number): Promise<void> {
    await new Promise<void>(resolve => pair.peer.write(Buffer.alloc(bytes), () => resolve()))
  }

  it('reads about half a MiB of a blob at a time, however small the packets are', async () => {
    for (let left = blobBytes - firstBytes; left > 0; left -= 100_000) {
      await send(100_000)
      // Whatever can be read is read.
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
    }
    await received
    // All but the rest, which is not waited for. The system waits for a bit less when its buffer is nearly full.
    const large = sink.reads.slice(1).filter(count => count >= 400_000)
    expect(large.reduce((sum, count) => sum + count, 0)).to.be.above(blobBytes - firstBytes - 600_000)
  })

  it('takes a trickle for no silence', async () => {
    let silent = false
    pair.channel.limitSilence(silenceMs, () => (silent = true))
    for (let at = 0; at < 15; at += 1) {
      await send(10_000)
      await delay(silenceMs / 5)
    }
    expect(silent).to.be.false
    await send(blobBytes - firstBytes - 15 * 10_000)
    await received
    expect(silent).to.be.false
  })

  it('notices silence in its time, even with bytes that were too few to be read at once', async () => {
    await send(10_000)
    const begun = performance.now()
    await new Promise<void>(resolve => pair.channel.limitSilence(silenceMs, resolve))
    // Timers are in whole milliseconds, and those of sockets start with the time of the turn.
    expect(performance.now() - begun).to.be.within(silenceMs - 20, silenceMs * 1.4)
    expect(sink.reads.reduce((sum, count) => sum + count)).to.equal(firstBytes + 10_000)
  })
})
