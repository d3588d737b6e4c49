import { execFile } from 'node:child_process'
import { chmodSync, ftruncateSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { connect, Store } from 'vineyard-streams'
import { frame } from '../support/frame.js'

describe('What a store lets in', () => {
  it('is only its own user, through a socket and a directory that nobody else can enter', async () => {
    const store = await Store.start({ size: '1Mi' })
    expect(statSync(store.socket).mode & 0o777).to.equal(0o600)
    expect(statSync(dirname(store.socket)).mode & 0o777).to.equal(0o700)
    await store.close()
  })

  it('is no other user, whatever the mode of the socket has been changed to', async function () {
    if (process.getuid?.() !== 0) {
      if (process.env['VINEYARD_REQUIRE_INTEROP'] === '1') throw new Error('only root can be somebody else')
      this.skip()
    }
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-door-'))
    const socket = join(directory, 'store.sock')
    const store = await Store.start({ socket, size: '1Mi' })
    chmodSync(directory, 0o755)
    chmodSync(socket, 0o666)
    const knock = `
      const socket = require('node:net').connect(process.argv[1])
      socket.on('connect', () => socket.write(Buffer.from(process.argv[2], 'base64')))
      socket.on('data', () => { console.log('answered'); socket.destroy() })
      socket.on('end', () => console.log('refused'))
      socket.on('error', error => console.log(error.code === 'EPIPE' || error.code === 'ECONNRESET' ? 'refused' : error.code))`
    const register = frame('{"type":"register_request","store_type":1}').toString('base64')
    const as = async (uid: number): Promise<string> => {
      const options = { uid, gid: uid, cwd: '/' }
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['-e', knock, '--', socket, register],
        options
      )
      return stdout.split('\n')[0] as string
    }
    expect(await as(0)).to.equal('answered')
    expect(await as(65_534)).to.equal('refused')
    await store.close()
    rmSync(directory, { recursive: true })
  })

  it('cannot shrink or grow the memory that it shares', async () => {
    const store = await Store.start({ size: '1Mi' })
    const client = await connect(store.socket)
    await client.put(Buffer.from('something'))
    const files = readdirSync('/proc/self/fd').filter(fd => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('memfd:vineyard-streams')
      } catch {
        return false
      }
    })
    expect(files).to.not.be.empty
    for (const fd of files) {
      for (const size of [0, 4096, 2 ** 21]) {
        expect(() => ftruncateSync(Number(fd), size)).to.throw(/EPERM/)
      }
    }
    await client.close()
    await store.close()
  })
})
