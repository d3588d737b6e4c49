import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { native } from '#dist/native.js'

/** A thread that makes a hold with a key and tells its number; it leaves it behind if it is told to. */
async function holder(key: string, { leaves }: { leaves: boolean }): Promise<[Worker, number]> {
  const module = JSON.stringify(import.meta.resolve('#dist/native.js'))
  const worker = new Worker(
    `import(${module}).then(({ native }) => {
       const { parentPort } = require('node:worker_threads')
       const hold = native.hold(${JSON.stringify(key)})
       if (${leaves}) native.leaveHolds([hold], [])
       parentPort.once('message', () => {})
       parentPort.postMessage(hold)
     })`,
    { eval: true }
  )
  const [hold] = (await once(worker, 'message')) as [number]
  return [worker, hold]
}

describe('native holds', () => {
  it('last until the last one with their key is dropped', () => {
    const first = native.hold('a key')
    const second = native.copyHold(first)
    expect(native.isHeld('a key')).to.equal(true)
    expect(native.isHeld('another')).to.equal(false)
    expect(native.dropHold(first)).to.equal(false)
    expect(native.isHeld('a key')).to.equal(true)
    expect(native.dropHold(second)).to.equal(true)
    expect(native.isHeld('a key')).to.equal(false)
    expect(native.dropHold(second)).to.equal(false)
    expect(native.copyHold(second)).to.equal(0)
  })

  it('are taken once, from any thread, and are not of the one they were taken from', async () => {
    const [worker, hold] = await holder('taken', { leaves: false })
    // It is not ours.
    expect(native.dropHold(hold)).to.equal(false)
    expect(native.copyHold(hold)).to.equal(0)
    const taken = native.takeHold(hold)
    expect(taken).to.be.above(0)
    expect(native.takeHold(hold)).to.equal(0)
    await worker.terminate()
    expect(native.isHeld('taken')).to.equal(true)
    expect(native.dropHold(taken)).to.equal(true)
  })

  it('end with their thread, unless it has left them', async () => {
    const [ended, lost] = await holder('ended', { leaves: false })
    const [left, found] = await holder('left', { leaves: true })
    await Promise.all([ended.terminate(), left.terminate()])
    expect(native.isHeld('ended')).to.equal(false)
    expect(native.takeHold(lost)).to.equal(0)
    expect(native.isHeld('left')).to.equal(true)
    expect(native.dropHold(native.takeHold(found))).to.equal(true)
  })

  it('refuse what is no hold', () => {
    for (const call of [
      () => native.takeHold('1' as never),
      () => native.dropHold(-1),
      () => native.leaveHolds(['x'] as never, []),
      () => native.leaveHolds([], undefined as never),
      () => native.hold(1 as never)
    ])
      expect(call).to.throw()
  })
})
