import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { native, type Channel, type ChannelMessage, type Listener } from '#dist/native.js'

const maxFrame = 2 ** 28
/** What the addon makes of integers beyond 2^53. */
const marked = /"\\u0000n(-?[0-9]{16,})"/g

export interface FrameHooks {
  /** Sees each frame that a client sends; null is one that is not valid UTF-8, which is not passed on. */
  request?: (text: string | null) => void
  /** What becomes of a frame of the server; null ends the connection instead. */
  reply?: (text: string) => string | null
}

/** Stands between clients and a server on its Unix socket: passes frames and descriptors on, and looks at them. */
export class FrameProxy {
  readonly socket: string
  readonly #directory = mkdtempSync(join(tmpdir(), 'vineyard-proxy-'))
  readonly #listener: Listener
  readonly #channels = new Set<Channel>()

  constructor(target: string, hooks: FrameHooks) {
    this.socket = join(this.#directory, 'proxy.sock')
    const meet = (near: Channel): void => {
      let far: Channel
      try {
        far = native.connect(target, maxFrame)
      } catch {
        // The server has ended.
        near.close()
        return
      }
      this.#pass(near, far, text => {
        hooks.request?.(text)
        return text
      })
      this.#pass(far, near, text => {
        if (text === null || hooks.reply === undefined) return text
        const reply = hooks.reply(text)
        if (reply === null) for (const channel of [near, far]) this.#end(channel)
        return reply
      })
    }
    this.#listener = native.listen(this.socket, 128, maxFrame, meet, () => {})
  }

  /** Ends all connections; new ones are passed on. */
  cut(): void {
    for (const channel of this.#channels) this.#end(channel)
  }

  close(): void {
    this.#listener.close()
    for (const channel of this.#channels) channel.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #end(channel: Channel): void {
    this.#channels.delete(channel)
    channel.close()
  }

  #pass(from: Channel, to: Channel, hook: (text: string | null) => string | null): void {
    this.#channels.add(from)
    from.start({
      onMessages: (messages: ChannelMessage[]) => {
        for (const message of messages) {
          if (typeof message === 'number') {
            to.sendFd(message)
            native.closeFd(message)
          } else {
            const text = hook(message?.replaceAll(marked, '$1') ?? null)
            if (text !== null && this.#channels.has(to)) to.send(text)
          }
        }
      },
      onDrain: () => {},
      onClose: () => {
        this.#channels.delete(from)
        // A server that is sending something waits for somebody who reads, and with it a vineyardd does for all others.
        if (to.queued > 0) to.close()
        else to.end()
      }
    })
  }
}
