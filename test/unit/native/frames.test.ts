import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { frame, HostilePeer, Recorder, run, Server, turns, until } from './support.js'

describe('native frames', () => {
  let server: Server
  beforeEach(() => {
    server = new Server()
  })
  afterEach(() => {
    server.close()
  })

  it('puts a frame of any size together, wherever it is cut', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    const expected: string[] = []
    for (let size = 0; size <= 20; size++) {
      const text = 'abcdefghijklmnopqrst'.slice(0, size)
      const bytes = frame(text)
      for (let cut = 1; cut < bytes.length; cut++) {
        socket.write(bytes.subarray(0, cut))
        await turns()
        expect(recorder.messages, 'nothing before the last byte').to.have.length(expected.length)
        socket.write(bytes.subarray(cut))
        expected.push(text)
        await recorder.received(expected.length)
      }
    }
    expect(recorder.messages).to.deep.equal(expected)
    socket.destroy()
    channel.close()
  })

  it('takes frames byte by byte', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    for (const byte of Buffer.concat([frame('{"a":1}'), frame(''), frame('"ü"')])) {
      socket.write(Buffer.of(byte))
      await turns()
    }
    expect(await recorder.received(3)).to.deep.equal(['{"a":1}', '', '"ü"'])
    socket.destroy()
    channel.close()
  })

  it('delivers what one read brought as one batch, in order', async () => {
    const [socket, channel] = await server.raw()
    const texts = Array.from({ length: 1000 }, (_, i) => `{"number":${String(i)}}`)
    socket.write(Buffer.concat(texts.map(frame)))
    await turns()
    const recorder = new Recorder(channel)
    expect(await recorder.received(1000)).to.deep.equal(texts)
    expect(recorder.batches).to.have.length(1)
    socket.destroy()
    channel.close()
  })

  it('carries 20 MB both ways, ASCII or not', async () => {
    const ascii = JSON.stringify(randomBytes(10_000_000).toString('hex'))
    const other = JSON.stringify('→'.repeat(7_000_000))
    const [near, far] = await server.pair()
    const back = new Recorder(near)
    new Recorder(far, messages => {
      for (const message of messages) far.send(message as string)
    })
    near.send(ascii)
    near.send(other)
    near.send('end')
    const messages = await back.received(3)
    expect(messages[0] === ascii && messages[1] === other && messages[2] === 'end').to.equal(true)
    near.close()
    far.close()
  })

  it('replaces lone surrogates when it sends', async () => {
    const [near, far] = await server.pair()
    const recorder = new Recorder(far)
    near.send('a\ud800b')
    expect(await recorder.received(1)).to.deep.equal(['a\ufffdb'])
    near.close()
    far.close()
  })

  it('sends texts around the size of its buffer whole', async () => {
    const [near, far] = await server.pair()
    const recorder = new Recorder(far)
    const texts: string[] = []
    for (let size = 65_500; size < 65_560; size++) texts.push('a'.repeat(size), 'a'.repeat(size - 2) + '€')
    for (const text of texts) {
      near.send(text)
      await turns()
    }
    const messages = await recorder.received(texts.length)
    expect(messages.every((message, i) => message === texts[i])).to.equal(true)
    near.close()
    far.close()
  })

  it('gives null for what is not UTF-8, as TextDecoder sees it, and goes on', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    const decode = (bytes: Uint8Array): string | null => {
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
      } catch {
        return null
      }
    }
    const edges = ['c080', 'c1bf', 'e09fbf', 'e0a080', 'ed9fbf', 'eda080', 'efbfbf', 'f08fbfbf', 'f0908080']
    edges.push(
      'f48fbfbf',
      'f4908080',
      'f5808080',
      '80',
      'c3',
      'e282',
      'f09f98',
      'efbbbf41',
      'fe',
      'ff',
      'c3a9',
      '00'
    )
    const inputs = edges.flatMap(hex => {
      const bytes = Buffer.from(hex, 'hex')
      // Also behind and before enough ASCII for the fast path.
      return [bytes, Buffer.concat([Buffer.from('"12345678"'), bytes, Buffer.from('abcdefgh')])]
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 24 }),
            fc.string({ unit: 'grapheme', maxLength: 24 }).map(text => Buffer.from(text)),
            fc.constantFrom(...inputs)
          ),
          { maxLength: 20 }
        ),
        async bodies => {
          const before = recorder.messages.length
          socket.write(Buffer.concat(bodies.map(frame)))
          const all = await recorder.received(before + bodies.length)
          expect(all.slice(before)).to.deep.equal(bodies.map(decode))
        }
      ),
      { examples: [[inputs]], numRuns: 200 }
    )
    socket.destroy()
    channel.close()
  })

  it('marks long integers', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    socket.write(frame('{"id":9223372036854775808,"é":[9007199254740991]}'))
    expect(await recorder.received(1)).to.deep.equal([
      '{"id":"\\u0000n9223372036854775808","é":[9007199254740991]}'
    ])
    socket.destroy()
    channel.close()
  })

  it('delivers what was complete before a frame that is too long, then EMSGSIZE', async () => {
    const small = new Server(100)
    for (const length of [101n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]) {
      const [socket, channel] = await small.raw()
      const recorder = new Recorder(channel)
      const header = Buffer.alloc(8)
      header.writeBigUInt64LE(length)
      const largest = 'x'.repeat(100)
      socket.on('error', () => undefined)
      socket.write(Buffer.concat([frame(largest), header, Buffer.from('rest')]))
      const error = await recorder.closed()
      expect(error).to.include({ code: 'EMSGSIZE', syscall: 'recvmsg' })
      expect(recorder.messages).to.deep.equal([largest])
      socket.destroy()
    }
    small.close()
  })

  it('lets a handler decide how long the frames behind one may be, even those that came with it', async () => {
    const small = new Server(10)
    const [socket, channel] = await small.raw()
    const recorder = new Recorder(channel, messages => {
      if (messages.includes('longer')) channel.limitFrames(100)
    })
    const long = 'x'.repeat(100)
    socket.write(Buffer.concat([frame('short'), frame('longer'), frame(long), frame('y'), frame(`${long}x`)]))
    socket.on('error', () => undefined)
    expect((await recorder.closed())?.code).to.equal('EMSGSIZE')
    expect(recorder.messages).to.deep.equal(['short', 'longer', long, 'y'])
    socket.destroy()
    small.close()
  })

  it('tells how much of a long frame it holds, until that is complete', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    const bytes = frame('x'.repeat(3 * 2 ** 20))
    socket.write(bytes.subarray(0, -1))
    await until(() => recorder.partials.at(-1) === 3 * 2 ** 20 - 1)
    expect(recorder.partials[0]).to.be.within(2 ** 20, 2 ** 21)
    socket.write(bytes.subarray(-1))
    await recorder.received(1)
    const count = recorder.partials.length
    socket.write(frame('y').subarray(0, -1))
    await turns()
    expect(recorder.partials).to.have.length(count)
    socket.destroy()
    channel.close()
  })

  it('does not allocate what a header announces', async () => {
    const [socket, channel] = await server.raw()
    const recorder = new Recorder(channel)
    const before = process.memoryUsage().rss
    const header = Buffer.alloc(8)
    header.writeBigUInt64LE(2n ** 28n)
    socket.write(Buffer.concat([header, Buffer.alloc(1000)]))
    await turns()
    expect(recorder.messages).to.deep.equal([])
    expect(process.memoryUsage().rss - before).to.be.below(2 ** 27)
    socket.destroy()
    channel.close()
  })

  it('tells a clean end from one inside a frame', async () => {
    for (const [bytes, code] of [
      [frame('whole'), undefined],
      [Buffer.concat([frame('whole'), Buffer.alloc(3)]), 'ECONNRESET'],
      [Buffer.concat([frame('whole'), frame('half').subarray(0, 10)]), 'ECONNRESET']
    ] as const) {
      const [socket, channel] = await server.raw()
      const recorder = new Recorder(channel)
      socket.end(bytes)
      const error = await recorder.closed()
      expect(error?.code).to.equal(code)
      expect(recorder.messages).to.deep.equal(['whole'])
      expect(recorder.closes).to.have.length(1)
      socket.destroy()
    }
  })

  describe('with descriptors from a hostile peer', () => {
    async function refused(...sent: [bytes: Uint8Array, fds: number][]): Promise<Recorder> {
      const peer = new HostilePeer(server.path)
      const channel = await server.accept()
      const recorder = new Recorder(channel)
      for (const [bytes, fds] of sent) await peer.send(bytes, fds)
      await until(() => recorder.closes.length > 0)
      await peer.close()
      return recorder
    }
    const nullDevices = async (): Promise<number> => {
      const { readdirSync, readlinkSync } = await import('node:fs')
      return readdirSync('/proc/self/fd').filter(fd => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/null'
        } catch {
          return false
        }
      }).length
    }

    it('refuses a carrier inside a header or a body', async () => {
      const before = await nullDevices()
      for (const cut of [3, 8, 10]) {
        const recorder = await refused(
          [Buffer.concat([frame('first'), frame('second').subarray(0, cut)]), 0],
          [Buffer.of(0), 1]
        )
        expect(recorder.closes[0]).to.include({ code: 'EPROTO' })
        expect(recorder.messages).to.deep.equal(['first'])
      }
      expect(await nullDevices()).to.equal(before)
    })

    it('refuses more than one descriptor at once and closes them', async () => {
      const before = await nullDevices()
      for (const count of [2, 3, 253]) {
        const recorder = await refused([Buffer.of(0), count])
        expect(recorder.closes[0]).to.include({ code: 'EPROTO' })
        expect(recorder.messages).to.deep.equal([])
      }
      expect(await nullDevices()).to.equal(before)
    })

    it('gives EMFILE where this process has no room for a descriptor', async () => {
      const outcome = await run(
        `
        import { openSync } from 'node:fs'
        let hoard = 0
        const listener = native.listen(path, 1, 1000, far => {
          const fd = openSync('/dev/null')
          try { for (;;) { openSync('/dev/null'); hoard++ } } catch {}
          far.send('before')
          far.sendFd(fd)
        }, () => {})
        native.connect(path, 1000).start({
          onMessages(messages) { console.log(messages.join()) },
          onDrain() {},
          onClose(error) { console.log(error.code, hoard > 0); process.exit() }
        })`,
        [],
        ['sh', '-c', 'ulimit -n 100; exec "$@"', 'sh']
      )
      expect(outcome.stdout, outcome.stderr).to.equal('before\nEMFILE true\n')
    })

    it('takes a carrier between frames', async () => {
      const { closeSync } = await import('node:fs')
      const peer = new HostilePeer(server.path)
      const recorder = new Recorder(await server.accept())
      await peer.send(frame('before'))
      await peer.send(Buffer.of(0x14), 1)
      await peer.send(frame('after'))
      const [before, fd, after] = await recorder.received(3)
      expect([before, after]).to.deep.equal(['before', 'after'])
      closeSync(fd as number)
      await peer.close()
      expect(await recorder.closed()).to.equal(null)
    })
  })
})
