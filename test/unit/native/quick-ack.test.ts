import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { native } from '#dist/native.js'

describe('native quickAck', () => {
  it('takes a connected TCP socket', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    expect(native.quickAck(fd)).to.be.undefined
    socket.destroy()
    server.close()
  })

  it('says what failed', () => {
    const fd = native.createMemory('no socket', 1)
    expect(() => { native.quickAck(fd) }).to.throw().that.includes({ code: 'ENOTSOCK', syscall: 'setsockopt' }) // prettier-ignore
    native.closeFd(fd)
    expect(() => { native.quickAck(999_999) }).to.throw().that.includes({ code: 'EBADF' }) // prettier-ignore
    expect(() => { native.quickAck(-1) }).to.throw(RangeError) // prettier-ignore
    expect(() => { native.quickAck('0' as never) }).to.throw(TypeError) // prettier-ignore
  })
})
