import { AsyncLocalStorage } from 'node:async_hooks'
import { closeSync, fstatSync } from 'node:fs'
import { expect } from 'chai'
import { type Channel, native } from '#dist/native.js'
import { descriptors, frame, Recorder, run, Server, turns, until } from './support.js'

const MiB = 2 ** 20

describe('native Channel', () => {
  let server: Server
  let before: number
  beforeEach(() => {
    before = descriptors().length
    server = new Server()
  })
  afterEach(async () => {
    server.close()
    await until(() => descriptors().length <= before)
  })

  function memory(size: number): { fd: number; inode: number } {
    const fd = native.createMemory('test', size)
    return { fd, inode: fstatSync(fd).ino }
  }

  it('reads nothing before start, and loses nothing', async () => {
    const near = native.connect(server.path, 1000)
    near.send('early')
    const far = await server.accept()
    await turns()
    expect(await new Recorder(far).received(1)).to.deep.equal(['early'])
    near.close()
    far.close()
  })

  it('sends several frames at once, in order with those before and after', async () => {
    const [near, far] = await server.pair()
    const texts = ['first', '', 'größer', 'x'.repeat(100_000)]
    near.send('before')
    expect(near.sendAll(texts.slice(0, 3))).to.equal(0)
    near.sendAll([])
    const big = 'y'.repeat(10 * MiB)
    near.send(big)
    // The socket is full: it waits behind what does.
    expect(near.sendAll(texts)).to.be.above(texts[3]!.length)
    const expected = ['before', ...texts.slice(0, 3), big, ...texts]
    expect(await new Recorder(far).received(expected.length)).to.deep.equal(expected)
    for (const wrong of ['text', [1], undefined]) {
      expect(() => near.sendAll(wrong as never))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_ARG_TYPE')
    }
    near.close()
    far.close()
    expect(() => near.sendAll(['late'])).to.throw()
  })

  it('keeps descriptors and frames in order', async () => {
    const [near, far] = await server.pair()
    const sent: (string | number)[] = []
    for (let i = 0; i < 20; i++) {
      if (i % 3 === 2) {
        const { fd, inode } = memory(4096)
        expect(near.sendFd(fd)).to.equal(0)
        closeSync(fd)
        sent.push(inode)
      } else {
        expect(near.send(`frame ${String(i)}`)).to.equal(0)
        sent.push(`frame ${String(i)}`)
      }
    }
    const recorder = new Recorder(far)
    const received = (await recorder.received(20)).map(message => {
      if (typeof message !== 'number') return message
      const inode = fstatSync(message).ino
      closeSync(message)
      return inode
    })
    expect(received).to.deep.equal(sent)
    near.close()
    far.close()
  })

  it('queues what a peer does not read, in order, and reports when it is gone', async () => {
    const [near, far] = await server.pair()
    const sender = new Recorder(near)
    const big = 'x'.repeat(MiB)
    let queued = 0
    const sent: (string | number)[] = []
    for (let i = 0; i < 12; i++) {
      const { fd, inode } = memory(4096)
      near.send(big)
      near.sendFd(fd)
      closeSync(fd) // the queue has a duplicate
      const now = near.send(`${String(i)}`)
      expect(now).to.be.greaterThan(queued)
      expect(near.queued).to.equal(now)
      queued = now
      sent.push(big, inode, `${String(i)}`)
    }
    expect(queued).to.be.greaterThan(11 * MiB)
    await turns()
    expect(sender.drains).to.equal(0)
    const recorder = new Recorder(far)
    const messages = await recorder.received(36)
    messages.forEach((message, i) => {
      const value = typeof message === 'number' ? fstatSync(message).ino : message
      if (typeof message === 'number') closeSync(message)
      expect(value === sent[i], `message ${String(i)}`).to.equal(true)
    })
    await until(() => sender.drains > 0)
    expect(near.queued).to.equal(0)
    await turns()
    expect(sender.drains).to.equal(1)
    near.send('small')
    await recorder.received(37)
    expect(sender.drains, 'no drain without a queue').to.equal(1)
    near.close()
    far.close()
  })

  it('frees queued descriptors when it is closed', async () => {
    const [near, far] = await server.pair()
    near.send('x'.repeat(MiB))
    for (let i = 0; i < 10; i++) {
      const { fd } = memory(4096)
      near.sendFd(fd)
      closeSync(fd)
    }
    expect(descriptors().filter(target => target.includes('memfd:test'))).to.have.length(10)
    near.close()
    expect(descriptors().filter(target => target.includes('memfd:test'))).to.have.length(0)
    far.close()
  })

  it('pauses and resumes', async () => {
    const [near, far] = await server.pair()
    const recorder = new Recorder(far, () => {
      far.pause()
    })
    near.send('1')
    await recorder.received(1)
    near.send('2')
    near.close()
    await turns()
    await turns()
    expect(recorder.messages).to.deep.equal(['1'])
    expect(recorder.closes).to.deep.equal([])
    far.resume()
    expect(await recorder.received(2)).to.deep.equal(['1', '2'])
    expect(recorder.closes).to.deep.equal([])
    far.resume()
    expect(await recorder.closed()).to.equal(null)
  })

  it('ends after what is queued', async () => {
    const [near, far] = await server.pair()
    const ender = new Recorder(near)
    const { fd, inode } = memory(4096)
    near.send('x'.repeat(10 * MiB))
    near.sendFd(fd)
    closeSync(fd)
    near.send('last')
    near.end()
    near.end()
    expect(() => near.send('late'))
      .to.throw()
      .with.property('code', 'ERR_STREAM_DESTROYED')
    far.send('not read any more')
    const recorder = new Recorder(far)
    const messages = await recorder.received(3)
    expect(messages[0]).to.have.length(10 * MiB)
    expect(fstatSync(messages[1] as number).ino).to.equal(inode)
    closeSync(messages[1] as number)
    expect(messages[2]).to.equal('last')
    await recorder.closed()
    expect([ender.messages, ender.closes, ender.drains]).to.deep.equal([[], [], 0])
  })

  it('ends at once when nothing is queued', async () => {
    const [near, far] = await server.pair()
    const recorder = new Recorder(far)
    near.send('only')
    near.end()
    expect(await recorder.closed()).to.equal(null)
    expect(recorder.messages).to.deep.equal(['only'])
  })

  it('can end and still flush when the peer closes instead of reading', async () => {
    const [near, far] = await server.pair()
    near.send('x'.repeat(MiB))
    near.end()
    far.close()
    await until(() => descriptors().length === before + 1) // the listener
  })

  it('takes every method inside onMessages; after close nothing is called', async () => {
    const endings: ((channel: Channel) => void)[] = [
      channel => {
        channel.close()
      },
      channel => {
        channel.end()
      }
    ]
    for (const stop of endings) {
      const [near, far] = await server.pair()
      near.send('x'.repeat(MiB))
      near.send('second')
      const recorder = new Recorder(far, () => {
        far.pause()
        far.resume()
        far.send('answer')
        far.unref()
        far.ref()
        stop(far)
      })
      await recorder.received(1)
      near.close()
      await turns()
      expect(recorder.batches).to.have.length(1)
      expect(recorder.closes).to.deep.equal([])
      expect(recorder.drains).to.equal(0)
    }
  })

  it('can be closed inside onDrain and onClose', async () => {
    const [near, far] = await server.pair()
    const ends = new Promise<void>(resolve => {
      near.start({
        onMessages: () => undefined,
        onDrain: () => {
          near.close()
          resolve()
        },
        onClose: () => {
          throw new Error('unexpected')
        }
      })
    })
    near.send('x'.repeat(MiB))
    const closed = new Promise<void>(resolve => {
      far.start({
        onMessages: () => undefined,
        onDrain: () => undefined,
        onClose: () => {
          far.close()
          expect(far.queued).to.equal(0)
          resolve()
        }
      })
    })
    await ends
    await closed
  })

  it('does not throw when the peer has gone: the queue is dropped and onClose comes', async () => {
    const [near, far] = await server.pair()
    near.send('x'.repeat(MiB))
    const recorder = new Recorder(near)
    far.send('farewell')
    far.close()
    expect(near.send('a')).to.be.a('number')
    await recorder.closed()
    expect(recorder.messages, 'what the peer sent before').to.deep.equal(['farewell'])
    expect(near.queued).to.equal(0)
    expect(near.send('b')).to.equal(0)
    expect(near.sendFd(0)).to.equal(0)
    near.close()
    expect(() => near.send('c'))
      .to.throw()
      .with.property('code', 'ERR_STREAM_DESTROYED')
  })

  it('learns that the peer takes nothing more even when it stays connected', async () => {
    // A peer that shuts down only its reading side never makes this side readable.
    const outcome = await run(`
      import { spawn } from 'node:child_process'
      native.listen(path, 1, 1000, channel => {
        channel.start({
          onMessages: () => { channel.send('into the void') },
          onDrain() {},
          onClose: error => { console.log(error.code, error.syscall); process.exit() }
        })
      }, () => {})
      spawn('python3', ['-c', \`
import socket, sys, time
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.shutdown(socket.SHUT_RD)
peer.sendall((2).to_bytes(8, 'little') + b'{}')
time.sleep(60)
\`, path], { stdio: 'ignore', env: { ...process.env, LD_PRELOAD: '' } }).unref()
    `)
    expect(outcome.stderr).to.equal('')
    expect(outcome.stdout).to.equal('EPIPE sendmsg\n')
  })

  it('tells a paused channel with a queue that the peer has gone, by onDrain', async () => {
    const [near, far] = await server.pair()
    const recorder = new Recorder(near)
    near.pause()
    near.send('x'.repeat(MiB))
    far.close()
    await until(() => recorder.drains > 0)
    expect(near.queued).to.equal(0)
    expect(recorder.closes).to.deep.equal([])
    near.resume()
    await recorder.closed()
  })

  it('reports the peer of both ends', async () => {
    const [near, far] = await server.pair()
    const me = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }
    expect(near.peer).to.deep.equal(me)
    expect(far.peer).to.deep.equal(me)
    near.close()
    expect(near.peer).to.deep.equal(me)
    far.close()
  })

  it('runs promise jobs after each batch and keeps the async context', async () => {
    const storage = new AsyncLocalStorage<string>()
    const order: string[] = []
    const [near, far] = await server.pair()
    storage.run('context of start', () => {
      new Recorder(far, messages => {
        order.push(`batch ${String(messages[0])} in ${String(storage.getStore())}`)
        void Promise.resolve().then(() => order.push('job'))
        process.nextTick(() => order.push('tick'))
        far.pause()
        setImmediate(() => {
          far.resume()
        })
      })
    })
    near.send('1')
    await until(() => order.length === 3)
    near.send('2')
    await until(() => order.length === 6)
    const turn = (n: number): string[] => [`batch ${String(n)} in context of start`, 'tick', 'job']
    expect(order).to.deep.equal([...turn(1), ...turn(2)])
    near.close()
    far.close()
  })

  it('makes uncaught exceptions of what handlers throw, and goes on', async () => {
    const outcome = await run(`
      process.on('uncaughtException', error => { console.log('uncaught', error) })
      let calls = 0
      const called = () => { if (++calls === 2) channel.end() }
      const handlers = name => ({
        onMessages(messages) { console.log(name, messages.join()); called(); throw name + ' onMessages' },
        onDrain() { console.log(name, 'drain'); called(); throw name + ' onDrain' },
        onClose() { console.log(name, 'close'); throw null }
      })
      const listener = native.listen(path, 1, 1e9, channel => {
        channel.start({ onMessages: messages => { for (const m of messages) channel.send(m.slice(0, 3)) }, onDrain() {},
                        onClose: () => listener.close() })
        throw 'onConnection'
      }, () => {})
      const channel = native.connect(path, 1000)
      channel.start(handlers('near'))
      channel.send('x'.repeat(1e7))
    `)
    expect(outcome.code, outcome.stderr).to.equal(0)
    expect(outcome.stdout.split('\n').sort()).to.deep.equal(
      [
        '',
        'near drain',
        'near xxx',
        'uncaught near onDrain',
        'uncaught near onMessages',
        'uncaught onConnection'
      ].sort()
    )
  })

  it('ends the process with the exception of a handler when nobody catches it', async () => {
    const outcome = await run(`
      native.listen(path, 1, 1000, () => { throw new Error('from onConnection') }, () => {})
      native.connect(path, 1000)
    `)
    expect(outcome.code).to.equal(1)
    expect(outcome.stderr).to.include('from onConnection')
  })

  it('keeps the process alive while it is referenced', async () => {
    const setUp = `
      const far = []
      const listener = native.listen(path, 1, 1000, channel => { far.push(channel) }, () => {})
      listener.unref()
      const channel = native.connect(path, 1000)
      channel.start({ onMessages() {}, onDrain() {}, onClose() {} })`
    const alive = await run(
      `${setUp}\nsetTimeout(() => { console.log('alive'); channel.close() }, 200).unref()`
    )
    expect(alive).to.include({ code: 0, stdout: 'alive\n' })
    for (const change of [
      'channel.unref()',
      'channel.close()',
      'channel.unref(); channel.pause(); channel.resume()'
    ]) {
      const gone = await run(
        `${setUp}\nsetTimeout(() => { console.log('alive') }, 30_000).unref()\n${change}`
      )
      expect(gone, change).to.include({ code: 0, stdout: '' })
    }
  })

  it('is collected, and closes its socket, when it was never started', async () => {
    const outcome = await run(
      `
      import { readdirSync } from 'node:fs'
      import { setImmediate } from 'node:timers/promises'
      const listener = native.listen(path, 128, 1000, () => {}, () => {})
      const count = () => readdirSync('/proc/self/fd').length
      const before = count()
      for (let i = 0; i < 50; i++) native.connect(path, 1000)
      await setImmediate()
      while (count() > before) { gc(); await setImmediate() }
      listener.close()
      console.log('collected')`,
      ['--expose-gc']
    )
    expect(outcome).to.include({ code: 0, stdout: 'collected\n' })
  })

  it('stays while it is started, though nobody refers to it', async () => {
    const [near, far] = await server.pair()
    const received = new Promise<unknown>(resolve => new Recorder(far, resolve))
    server.accepted.length = 0
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.()
      await turns()
    }
    near.send('still there')
    expect(await received).to.deep.equal(['still there'])
    near.close()
  })

  describe('in every state', () => {
    const handlers = { onMessages: () => undefined, onDrain: () => undefined, onClose: () => undefined }
    const states: Record<string, (near: Channel, far: Channel) => Promise<void> | void> = {
      fresh: () => undefined,
      started: near => {
        near.start(handlers)
      },
      paused: near => {
        near.start(handlers)
        near.pause()
      },
      queueing: near => {
        near.send('x'.repeat(MiB))
      },
      ending: near => {
        near.send('x'.repeat(MiB))
        near.end()
      },
      closed: near => {
        near.close()
      },
      lost: async (near, far) => {
        const recorder = new Recorder(near)
        far.close()
        await recorder.closed()
      }
    }
    const destroyed = 'ERR_STREAM_DESTROYED'
    const again = 'ERR_INVALID_STATE'
    const refusals: Record<string, Record<string, string>> = {
      started: { start: again },
      paused: { start: again },
      lost: { start: again },
      ending: { start: destroyed, send: destroyed, sendFd: destroyed },
      closed: { start: destroyed, send: destroyed, sendFd: destroyed }
    }
    const methods: Record<string, (near: Channel) => unknown> = {
      start: near => {
        near.start(handlers)
      },
      send: near => near.send('text'),
      sendFd: near => near.sendFd(0),
      queued: near => near.queued,
      pause: near => {
        near.pause()
      },
      resume: near => {
        near.resume()
      },
      ref: near => {
        near.ref()
      },
      unref: near => {
        near.unref()
      },
      peer: near => near.peer.pid,
      end: near => {
        near.end()
      },
      close: near => {
        near.close()
      }
    }
    for (const [state, reach] of Object.entries(states)) {
      for (const [method, call] of Object.entries(methods)) {
        const code = refusals[state]?.[method]
        it(`${method} when ${state}: ${code ?? 'works'}`, async () => {
          const [near, far] = await server.pair()
          await reach(near, far)
          if (code === undefined) {
            call(near)
          } else {
            expect(() => call(near))
              .to.throw()
              .with.property('code', code)
          }
          await turns()
          near.close()
          far.close()
        })
      }
    }
  })

  it('refuses wrong arguments', async () => {
    const [near, far] = await server.pair()
    const handlers = { onMessages: () => undefined, onDrain: () => undefined, onClose: () => undefined }
    const wrong: [() => unknown, ErrorConstructor, string][] = [
      [() => near.send(1 as never), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => { near.busyPoll(1 as never) }, TypeError, 'ERR_INVALID_ARG_TYPE'], // prettier-ignore
      [() => near.sendFd('0' as never), TypeError, 'ERR_INVALID_ARG_TYPE'],
      [() => near.sendFd(-1), RangeError, 'ERR_OUT_OF_RANGE'],
      [() => near.sendFd(1.5), RangeError, 'ERR_OUT_OF_RANGE'],
      [() => near.sendFd(999_999), Error, 'EBADF'],
      [() => { near.start(undefined as never) }, TypeError, 'ERR_INVALID_ARG_TYPE'], // prettier-ignore
      [() => { near.start({ ...handlers, onDrain: 1 } as never) }, TypeError, 'ERR_INVALID_ARG_TYPE'], // prettier-ignore
      [() => new (near.constructor as new () => unknown)(), TypeError, 'ERR_ILLEGAL_CONSTRUCTOR']
    ]
    for (const [call, type, code] of wrong)
      expect(call, call.toString()).to.throw(type).with.property('code', code)
    near.send('x'.repeat(MiB))
    expect(() => near.sendFd(999_999), 'with a queue')
      .to.throw()
      .with.property('code', 'EBADF')
    near.close()
    far.close()
  })

  it('passes on what the getter of a handler throws, and survives one that closes', async () => {
    const [near, far] = await server.pair()
    const handlers = { onMessages: () => undefined, onDrain: () => undefined }
    const thrown = new Error('getter')
    expect(() => {
      near.start({
        ...handlers,
        get onClose(): never {
          throw thrown
        }
      })
    }).to.throw(thrown)
    near.start({
      ...handlers,
      get onClose() {
        near.close()
        return () => undefined
      }
    })
    near.close()
    far.close()
  })

  it('throws TypeError on a wrong receiver', async () => {
    const [near, far] = await server.pair()
    const descriptors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(near) as object)
    const receivers = [
      undefined,
      null,
      1,
      {},
      server.listener,
      Object.create(near) as object,
      new Proxy(near, {})
    ]
    for (const [name, property] of Object.entries(descriptors)) {
      if (name === 'constructor') continue
      const method = (Reflect.get(property, 'get') ?? property.value) as () => unknown
      for (const receiver of receivers) expect(() => method.call(receiver), name).to.throw(TypeError)
    }
    near.close()
    far.close()
  })

  it('does not starve a small peer behind a busy one', async () => {
    // Both are ready in the same turn; the busy one has far more than one turn may read.
    const [busy, channel] = await server.raw()
    const [near, far] = await server.pair()
    let bytes = 0
    const flood = frame('x'.repeat(MiB))
    const pump = (): void => {
      while (!busy.destroyed && busy.write(flood));
    }
    busy.on('drain', pump).on('error', () => undefined)
    pump()
    new Recorder(channel, messages => {
      for (const message of messages) bytes += (message as string).length
    })
    const recorder = new Recorder(far)
    await until(() => bytes > 4 * MiB)
    near.send('small')
    await recorder.received(1)
    expect(busy.destroyed).to.equal(false)
    const gone = new Promise(resolve => busy.on('close', resolve))
    channel.close()
    near.close()
    far.close()
    await gone
  })
})
