import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { PlainReceiver } from '#dist/rpc/blob-transfer.js'
import { TcpChannelPair } from '../../support/tcp-channel-pair.js'

const blobBytes = 16_000_000
/** It is read at once, so that what comes next is gathered for certain. */
const onePacket = 20_000
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
  })
  afterEach(() => {
    pair.close()
  })

  /** Resolves when the system has it all. */
  async function send(bytes: number): Promise<void> {
    await new Promise<void>(resolve => pair.peer.write(Buffer.alloc(bytes), () => resolve()))
  }

  /** The first read of a blob is as small as what has come; from then on the socket gathers. */
  async function begin(bytes: number): Promise<void> {
    await send(bytes)
    while (sink.reads.length === 0) await new Promise(setImmediate)
  }

  it('reads half a MiB of a blob at a time, however small the packets are', async () => {
    // With less the system begins with a smaller buffer, and waits for as much as that has room for.
    const firstBytes = 300_000
    await begin(firstBytes)
    for (let left = blobBytes - firstBytes; left > 0; left -= 100_000) {
      await send(100_000)
      // Whatever can be read is read.
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
    }
    await received
    // All but the rest, which is not waited for, and what the system hands out before its buffer has grown: on a busy
    // machine once a read of 472,000 bytes.
    const large = sink.reads.filter(count => count >= 512 * 1024)
    expect(large.reduce((sum, count) => sum + count, 0)).to.be.above(0.9 * blobBytes)
  })

  it('takes a trickle for no silence', async () => {
    await begin(onePacket)
    let silent = false
    pair.channel.limitSilence(silenceMs, () => (silent = true))
    for (let at = 0; at < 15; at += 1) {
      await send(10_000)
      await delay(silenceMs / 5)
    }
    expect(silent).to.be.false
    await send(blobBytes - onePacket - 15 * 10_000)
    await received
    expect(silent).to.be.false
  })

  it('notices silence in its time, even with bytes that were too few to be read at once', async () => {
    await begin(onePacket)
    await send(10_000)
    const begun = performance.now()
    await new Promise<void>(resolve => pair.channel.limitSilence(silenceMs, resolve))
    // Timers are in whole milliseconds, and those of sockets start with the time of the turn.
    expect(performance.now() - begun).to.be.within(silenceMs - 20, silenceMs * 1.3)
    expect(sink.reads.reduce((sum, count) => sum + count)).to.equal(onePacket + 10_000)
  })
})
