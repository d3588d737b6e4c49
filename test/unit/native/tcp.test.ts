import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { native } from '#dist/native.js'

const options: [string, (fd: number) => void][] = [
  ['quickAck', fd => native.quickAck(fd)],
  ['limitUnacknowledged', fd => native.limitUnacknowledged(fd, 1000)]
]

for (const [name, set] of options) {
  describe(`native ${name}`, () => {
    it('takes a connected TCP socket', async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      await once(socket, 'connect')
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
      expect(set(fd)).to.be.undefined
      socket.destroy()
      server.close()
    })

    it('says what failed', () => {
      const fd = native.createMemory('no socket', 1)
      expect(() => { set(fd) }).to.throw().that.includes({ code: 'ENOTSOCK', syscall: 'setsockopt' }) // prettier-ignore
      native.closeFd(fd)
      expect(() => { set(999_999) }).to.throw().that.includes({ code: 'EBADF' }) // prettier-ignore
      expect(() => { set(-1) }).to.throw(RangeError) // prettier-ignore
      expect(() => { set('0' as never) }).to.throw(TypeError) // prettier-ignore
    })
  })
}

describe('native limitUnacknowledged', () => {
  it('takes no limit that the kernel would take for none', () => {
    for (const ms of [0, -1, 2 ** 31]) expect(() => { native.limitUnacknowledged(1, ms) }).to.throw(RangeError) // prettier-ignore
  })
})
