import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { limitLine } from '#dist/rpc/line-limit.js'

/** What can be seen without cutting a line; that is done in test/cluster/faults.test.ts. */
describe('limitLine', () => {
  let server: Server
  let socket: Socket
  let accepted: Socket
  beforeEach(async () => {
    // Nobody reads what comes here, though the kernel answers.
    server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    ;[accepted] = (await once(server, 'connection')) as [Socket]
    accepted.on('error', () => {})
  })
  afterEach(() => {
    socket.destroy()
    accepted.destroy()
    server.close()
  })

  it('gives a connection up whose other end takes nothing', async () => {
    limitLine(socket, 1000)
    // More than the kernel holds for both ends.
    socket.write(Buffer.alloc(64 * 2 ** 20))
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('ETIMEDOUT')
  })

  it('leaves one alone that has nothing to say', async () => {
    limitLine(socket, 1000)
    // Keep-alive has asked by then, and been answered.
    setTimeout(() => accepted.end('late'), 2500)
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    expect(String(bytes)).to.equal('late')
  })
})
