import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { native } from '#dist/native.js'
import { IpcListener } from '#dist/store/session/ipc-listener.js'
import { whileLocked } from '#dist/store/session/path-lock.js'

const rounds = 1000

/** Starts a listener whenever it is told to, and tells whether it could. What the two threads share are the round and their counts. */
const racer = `
  import { parentPort, workerData } from 'node:worker_threads'
  const { IpcListener } = await import(workerData.module)
  const { socket, shared, number } = workerData
  parentPort.postMessage('ready')
  for (let round = 1; round <= ${rounds}; round += 1) {
    Atomics.wait(shared, 0, round - 1)
    let listener
    try {
      listener = new IpcListener(socket, 1000, () => {})
    } catch (error) {
      if (error.code !== 'ERR_VINEYARD_EXISTS') throw error
    }
    Atomics.store(shared, 2 + number, listener ? 1 : 0)
    Atomics.add(shared, 1, 1)
    Atomics.notify(shared, 1)
    Atomics.wait(shared, 4, round - 1)
    listener?.close()
    Atomics.add(shared, 5, 1)
    Atomics.notify(shared, 5)
  }
`

describe('IpcListener', () => {
  let directory: string
  let socket: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'listener-test-'))
    socket = join(directory, 'a.sock')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  function leaveStale(): void {
    const nothing = (): void => {}
    native.listen(socket, 1, 1000, nothing, nothing).close()
  }

  it(`is alone where two start at once on a stale socket, ${rounds} times`, async () => {
    const shared = new Int32Array(new SharedArrayBuffer(64))
    const module = import.meta.resolve('#dist/store/session/ipc-listener.js')
    const racers = [0, 1].map(
      number =>
        new Worker(new URL(`data:text/javascript,${encodeURIComponent(racer)}`), {
          workerData: { shared, number, socket, module }
        })
    )
    await Promise.all(racers.map(one => once(one, 'message')))
    const ended = Promise.all(racers.map(one => once(one, 'exit')))
    const started = { none: 0, one: 0, both: 0 }
    /** Waits until both have counted. */
    const both = (at: number): void => {
      for (let count = 0; count < 2; count = Atomics.load(shared, at)) Atomics.wait(shared, at, count, 1000)
      Atomics.store(shared, at, 0)
    }
    for (let round = 1; round <= rounds; round += 1) {
      leaveStale()
      Atomics.store(shared, 0, round)
      Atomics.notify(shared, 0)
      both(1)
      const up = Atomics.load(shared, 2) + Atomics.load(shared, 3)
      started[up === 2 ? 'both' : up === 1 ? 'one' : 'none'] += 1
      Atomics.store(shared, 4, round)
      Atomics.notify(shared, 4)
      both(5)
    }
    await ended
    expect(started).to.deep.equal({ none: 0, one: rounds, both: 0 })
    expect(readdirSync(directory)).to.be.empty
  })

  it('waits for another that has the lock, and goes on after one that died with it', async () => {
    const holder = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       import(workerData.module).then(({ whileLocked }) =>
         whileLocked(workerData.socket, () => {
           parentPort.postMessage('locked')
           Atomics.wait(workerData.gate, 0, 0)
         })
       )`,
      {
        eval: true,
        workerData: {
          module: import.meta.resolve('#dist/store/session/path-lock.js'),
          socket,
          gate: new Int32Array(new SharedArrayBuffer(4))
        }
      }
    )
    await once(holder, 'message')
    expect(() => new IpcListener(socket, 1000, () => {}))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_SERVER')
    await holder.terminate()
    expect(readdirSync(directory)).to.have.length(1)
    whileLocked(socket, () => expect(existsSync(socket)).to.be.false)
    expect(readdirSync(directory)).to.be.empty
  })
})
