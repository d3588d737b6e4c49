import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { SocketReader } from '#dist/rpc/socket-reader.js'
import { TcpChannel } from '#dist/rpc/tcp-channel.js'

/** A channel over TCP as a client has it, whose frames go to `onMessages`, and the bare socket at its other end. */
export class TcpChannelPair {
  readonly channel: TcpChannel
  readonly peer: Socket

  private constructor(channel: TcpChannel, peer: Socket) {
    this.channel = channel
    this.peer = peer
  }

  static async open(onMessages: (messages: readonly unknown[]) => void = () => {}): Promise<TcpChannelPair> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const reader = new SocketReader()
    const { port } = server.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1', onread: reader.options })
    const [[peer]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [
      [Socket],
      unknown
    ]
    // The connection stays.
    server.close()
    const channel = new TcpChannel(socket, 1000)
    reader.attach(channel)
    channel.start({ onMessages, onDrain: () => {}, onClose: () => {} })
    return new TcpChannelPair(channel, peer)
  }

  close(): void {
    this.channel.close()
    this.peer.destroy()
  }
}
