import { closeSync, copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { native, type NativeAddon } from '#dist/native.js'
import { binary, descriptors, freshPath, Recorder, root, run, Server, turns, until } from './support.js'

const require = createRequire(import.meta.url)

/** A worker with everything open and busy: listener, channels both ways with queues, views, promises. */
const BUSY = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.addon).then(({ native }) => {
    globalThis.kept = []
    const echo = channel => {
      kept.push(channel)
      channel.start({
        onMessages: async messages => { for (const message of messages) { await null; channel.send(String(message)) } },
        onDrain() {},
        onClose() {}
      })
    }
    kept.push(native.listen(workerData.path, 16, 1e9, echo, () => {}))
    for (let i = 0; i < 4; i++) {
      const channel = native.connect(workerData.path, 1e9)
      echo(channel)
      channel.send('x'.repeat(100 + 10 ** (2 * i)))
    }
    kept.push(native.connect(workerData.path, 10)) // never started
    const toMain = native.connect(workerData.main, 1e9)
    echo(toMain)
    toMain.send('y'.repeat(4e6))
    const fd = native.createMemory('worker', 1 << 20)
    const mapping = native.map(fd, 1 << 20, true)
    kept.push(mapping, mapping.view(0, 100), mapping.view(0, 100))
    native.detach(mapping.view(0, 10))
    parentPort.postMessage('ready') // with the descriptor open
    if (workerData.end === 'exit') process.exit()
    if (workerData.end === 'throw') throw new Error('on purpose')
    if (workerData.end === 'handler') {
      const channel = native.connect(workerData.path, 1e9)
      channel.start({ onMessages() { process.exit() }, onDrain() {}, onClose() {} })
      channel.send('go')
    }
    if (workerData.end === 'spin') for (;;) native.detach(mapping.view(0, 10))
  })
`

describe('native environments', () => {
  const addon = pathToFileURL(`${root}dist/native.js`).href

  for (const end of ['terminate', 'spin', 'exit', 'handler', 'throw']) {
    it(`leaves nothing when a busy worker ends by ${end}`, async () => {
      const before = descriptors().length
      const server = new Server()
      const rounds = end === 'terminate' ? 30 : 8
      for (let round = 0; round < rounds; round++) {
        const worker = new Worker(BUSY, {
          eval: true,
          workerData: { addon, path: freshPath(), main: server.path, end }
        })
        const exited = once(worker, 'exit').catch(() => undefined)
        worker.on('error', () => undefined)
        // An exception may overtake the message.
        await Promise.race([once(worker, 'message').catch(() => undefined), exited])
        const channel = await server.accept()
        const recorder = new Recorder(channel, messages => {
          for (const message of messages) channel.send(String(message))
        })
        // A different moment each time.
        if (end === 'terminate') for (let i = 0; i < round; i++) await turns()
        if (end === 'terminate' || end === 'spin') await worker.terminate()
        await exited
        await recorder.closed()
        channel.close()
      }
      server.close()
      await until(() => descriptors().length === before)
    })
  }

  it('closes descriptors that were on their way into a worker', async () => {
    const before = descriptors().length
    for (let round = 0; round < 10; round++) {
      const server = new Server()
      const worker = new Worker(
        `const { parentPort, workerData } = require('node:worker_threads')
         import(workerData.addon).then(({ native }) => {
           globalThis.channel = native.connect(workerData.path, 1000)
           channel.start({ onMessages(messages) { for (const fd of messages) native.closeFd(fd) }, onDrain() {}, onClose() {} })
           parentPort.postMessage('ready')
         })`,
        { eval: true, workerData: { addon, path: server.path } }
      )
      await once(worker, 'message')
      const channel = await server.accept()
      const fd = native.createMemory('on its way', 4096)
      for (let i = 0; i < 20; i++) channel.sendFd(fd)
      const terminated = worker.terminate()
      for (let i = 0; i < 20; i++) channel.sendFd(fd)
      await terminated
      channel.close()
      closeSync(fd)
      server.close()
    }
    await until(() => descriptors().length === before)
  })

  it('works in several workers at once', async () => {
    const server = new Server()
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.addon).then(({ native }) => {
        const channel = native.connect(workerData.path, 1000)
        let count = 0
        channel.start({
          onMessages(messages) { count += messages.length; if (count < 1000) channel.send('ping'); else { channel.close(); parentPort.postMessage(count) } },
          onDrain() {}, onClose() {}
        })
        channel.send('ping')
      })`
    const workers = Array.from(
      { length: 4 },
      () => new Worker(source, { eval: true, workerData: { addon, path: server.path } })
    )
    const exits = workers.map(worker => once(worker, 'exit'))
    const results = Promise.all(workers.map(worker => once(worker, 'message')))
    for (const _ of workers) {
      const channel = await server.accept()
      new Recorder(channel, messages => {
        for (const message of messages) channel.send(message as string)
      })
    }
    expect((await results).flat()).to.deep.equal([1000, 1000, 1000, 1000])
    await Promise.all(exits)
    server.close()
  })

  it('can be loaded twice: both work, and neither takes the objects of the other', async () => {
    const copy = `${freshPath()}.node`
    copyFileSync(binary, copy)
    const other = require(copy) as NativeAddon
    delete require.cache[copy]
    const third = require(copy) as NativeAddon
    expect(third).to.not.equal(other)

    const server = new Server()
    const [near, far] = [other.connect(server.path, 1000), await server.accept()]
    const recorder = new Recorder(near)
    new Recorder(far, messages => far.send(messages[0] as string))
    near.send('hello')
    expect(await recorder.received(1)).to.deep.equal(['hello'])
    expect(() => near.send.call(far, 'x')).to.throw(TypeError)
    const queued = Reflect.get(
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(near), 'queued') ?? {},
      'get'
    ) as () => number
    expect(queued.call(near)).to.equal(0)
    expect(() => queued.call(far))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_THIS')
    near.close()
    far.close()
    server.close()

    const fd = native.createMemory('twice', 4096)
    const mappings = [native, other, third].map(loaded => loaded.map(fd, 4096, true))
    const views = mappings.map(mapping => mapping.view(0, 8))
    new Uint8Array(views[0] as ArrayBuffer).fill(1)
    expect(new Uint8Array(views[1] as ArrayBuffer)[0]).to.equal(1)
    expect(() => other.detach(views[0] as ArrayBuffer)).to.throw(TypeError)
    expect([native, other, third].map((loaded, i) => loaded.detach(views[i] as ArrayBuffer))).to.deep.equal([
      true,
      true,
      true
    ])
    for (const mapping of mappings) mapping.close()
    closeSync(fd)
  })

  it('lets the process exit with everything open', async () => {
    const open = `
      const kept = [native.listen(path, 16, 1000, channel => { kept.push(channel); channel.start(handlers); channel.send('x'.repeat(500)); ready() }, () => {})]
      const handlers = { onMessages() {}, onDrain() {}, onClose() { console.log('no callback at exit') } }
      const channel = native.connect(path, 1000)
      channel.start(handlers)
      const map = native.map(native.createMemory('x', 4096), 4096, true)
      kept.push(channel, map, map.view(0, 10))
      const ready = () => { END }`
    for (const [end, code] of [
      ['process.exit(3)', 3],
      ['for (const item of kept) item.unref?.()', 0],
      ['throw new Error("on purpose")', 1]
    ] as const) {
      const outcome = await run(open.replace('END', end))
      expect(outcome, end).to.include({ code, signal: null, stdout: '' })
    }
  })
})
