import { ftruncateSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { connect, Store } from 'vineyard-streams'

describe('What a store lets in', () => {
  it('is only its own user, through a socket and a directory that nobody else can enter', async () => {
    const store = await Store.start({ size: '1Mi' })
    expect(statSync(store.socket).mode & 0o777).to.equal(0o600)
    expect(statSync(dirname(store.socket)).mode & 0o777).to.equal(0o700)
    await store.close()
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
