import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lutimesSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { connect, RecordBatchStream, Store } from 'vineyard-streams'
import { rejection } from '../support/rejection.js'

/** As if it had been made an hour ago: a younger one may be about to come alive. */
function age(socket: string): void {
  const then = new Date(Date.now() - 3_600_000)
  lutimesSync(socket, then, then)
}

describe('What a store leaves', () => {
  it('in a worker that was terminated is removed by the next start, and a living one is not', async () => {
    const module = JSON.stringify(import.meta.resolve('vineyard-streams'))
    const worker = new Worker(
      `import(${module}).then(async ({ Store }) => {
         const store = await Store.start({ size: '1Mi' })
         require('node:worker_threads').parentPort.postMessage(store.socket)
       })`,
      { eval: true }
    )
    const [socket] = (await once(worker, 'message')) as [string]
    const living = await Store.start({ size: '1Mi' })
    await worker.terminate()
    age(socket)
    age(living.socket)
    const next = await Store.start({ size: '1Mi' })
    expect([socket, dirname(socket), living.socket].map(path => existsSync(path))).to.deep.equal([
      false,
      false,
      true
    ])
    await (await connect(living.socket)).close()
    await Promise.all([living.close(), next.close()])
  })

  it('is nothing after SIGTERM to `serve`, whose clients learn of it', async () => {
    const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-serve-'))
    const socket = join(directory, 'store.sock')
    const child = spawn(process.execPath, [program, 'serve', '--socket', socket, '--size', '1Mi'], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
    await once(child.stderr, 'data')
    child.stderr.resume()
    const client = await connect(socket)
    const stream = await RecordBatchStream.create(client)
    const waiting = rejection((await stream.openReader()).next())
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exited).to.deep.equal([0, null])
    expect(existsSync(socket)).to.equal(false)
    expect((await waiting).code).to.be.oneOf(['ERR_VINEYARD_CONNECTION_LOST', 'ERR_VINEYARD_STREAM_FAILED'])
    await client.close()
    rmSync(directory, { recursive: true })
  })
})
