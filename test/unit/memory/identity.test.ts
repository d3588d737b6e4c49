import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { isRemote, lifeOf, ownIdentity, processLifeOf, remoteIdentity } from '#dist/memory/identity.js'

const [boot, namespace, pid, thread, start] = ownIdentity().split('/') as [
  string,
  string,
  string,
  string,
  string
]

function startOf(process: number): string {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
}

describe('identity', () => {
  it('is this thread’s, and says that it lives', () => {
    expect([pid, thread]).to.deep.equal([String(process.pid), String(process.pid)])
    expect(lifeOf(ownIdentity())).to.equal('alive')
  })

  it('tells the dead from the living', async () => {
    const child = spawn('sleep', ['100'])
    await once(child, 'spawn')
    const identity = [boot, namespace, child.pid, child.pid, startOf(child.pid!)].join('/')
    expect(lifeOf(identity)).to.equal('alive')
    expect(lifeOf(`${identity}/tcp`)).to.equal('unknown')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(lifeOf(identity)).to.equal('dead')
    expect(lifeOf(`${identity}/tcp`)).to.equal('dead')
  })

  it('says nothing of one that lives, where a line can be cut', () => {
    expect([isRemote(remoteIdentity()), isRemote(ownIdentity())]).to.deep.equal([true, false])
    expect(lifeOf(remoteIdentity())).to.equal('unknown')
  })

  it('is not fooled by another process with the same pid', () => {
    expect(lifeOf([boot, namespace, pid, thread, String(Number(start) + 1)].join('/'))).to.equal('dead')
  })

  it('counts one that has ended and that nobody has waited for as dead', async () => {
    // The shell becomes a program that waits for none of its children; its first output is the pid of one that has ended.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 100'])
    const [output] = (await once(parent.stdout, 'data')) as [Buffer]
    const zombie = Number(output)
    while (!/\) Z /.test(readFileSync(`/proc/${zombie}/stat`, 'utf8'))) continue
    expect(lifeOf([boot, namespace, zombie, zombie, startOf(zombie)].join('/'))).to.equal('dead')
    parent.kill('SIGKILL')
  })

  it('is a worker’s own, which is dead when it has been terminated', async () => {
    const module = JSON.stringify(import.meta.resolve('#dist/memory/identity.js'))
    const worker = new Worker(
      `import(${module}).then(({ ownIdentity }) => {
         require('node:worker_threads').parentPort.postMessage(ownIdentity())
         setInterval(() => {}, 1000)
       })`,
      { eval: true }
    )
    const [identity] = (await once(worker, 'message')) as [string]
    expect(identity).to.not.equal(ownIdentity())
    expect(lifeOf(identity)).to.equal('alive')
    await worker.terminate()
    expect(lifeOf(identity)).to.equal('dead')
    expect(processLifeOf(identity)).to.equal('alive')
    // One that began before this process was a thread of another, which had its number.
    const older = [boot, namespace, pid, identity.split('/')[3], '1'].join('/')
    expect(processLifeOf(older)).to.equal('dead')
  })

  it('cannot be told of other namespaces and boots, nor of nonsense', () => {
    for (const other of [
      [boot, 'pid:[1]', pid, thread, start],
      ['another', namespace, pid, thread, start],
      [boot, namespace, '-1', thread, start],
      [boot, namespace, pid, '../1', start],
      [boot, namespace, pid],
      [boot, namespace, pid, thread, start, 'udp'],
      ['']
    ]) {
      expect(lifeOf(other.join('/'))).to.equal('unknown')
    }
  })
})
