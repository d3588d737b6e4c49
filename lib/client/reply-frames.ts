import { VineyardError } from '../errors.js'
import type { Descriptors } from '../memory/descriptors.js'
import { native, type ChannelMessage } from '../native.js'
import { messageText, unmarkAll, type JsonObject } from '../protocol/json.js'

/** What a connection does with what comes. */
export interface FrameHandlers {
  /** Whether any request waits for a reply. */
  readonly expectsReply: () => boolean
  /** A message of the extension that answers nothing. */
  readonly onEvent: (event: JsonObject) => void
  /** A reply, when the descriptors it announced have come. */
  readonly onReply: (reply: JsonObject) => void
}

/** Puts together what a server sends: a frame for each reply, and after it the descriptors that it announces. */
export class ReplyFrames {
  readonly #descriptors: Descriptors
  readonly #handlers: FrameHandlers
  /** A vineyardd announces descriptors over TCP, too, where they never come. */
  readonly #descriptorsCome: boolean
  /** The reply whose descriptors have not all arrived, and the server's numbers of those. */
  #awaiting: { reply: JsonObject; fds: number[] } | undefined

  constructor(descriptors: Descriptors, descriptorsCome: boolean, handlers: FrameHandlers) {
    this.#descriptors = descriptors
    this.#descriptorsCome = descriptorsCome
    this.#handlers = handlers
  }

  /** Throws for what is no reply, or comes where something else should: nothing that follows can be trusted. */
  take(message: ChannelMessage): void {
    if (typeof message === 'number') this.#takeDescriptor(message)
    else if (message === null) throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'a reply is not valid UTF-8')
    else this.#takeFrame(message)
  }

  #takeFrame(text: string): void {
    const reply = JSON.parse(text) as JsonObject
    if (typeof reply !== 'object' || reply === null) throw new Error('not an object')
    if (text.includes('\\u0000n')) unmarkAll(reply)
    if ('event' in reply) {
      this.#handlers.onEvent(reply)
      return
    }
    if (this.#awaiting !== undefined) throw new Error('a frame came where a descriptor was announced')
    if (!this.#handlers.expectsReply()) throw new Error(`nobody asked for ${messageText(reply['type'])}`)
    const fds = this.#descriptorsCome ? announcedDescriptors(reply) : []
    if (fds.length > 0) this.#awaiting = { reply, fds }
    else this.#handlers.onReply(reply)
  }

  #takeDescriptor(fd: number): void {
    const awaiting = this.#awaiting
    const storeFd = awaiting?.fds.shift()
    if (awaiting === undefined || storeFd === undefined) {
      native.closeFd(fd)
      throw new Error('a descriptor came that no reply announced')
    }
    this.#descriptors.add(storeFd, fd)
    if (awaiting.fds.length > 0) return
    this.#awaiting = undefined
    this.#handlers.onReply(awaiting.reply)
  }
}

/** The server's numbers of the descriptors that follow a reply (messages.md §3). */
function announcedDescriptors(reply: JsonObject): number[] {
  const { fds, fd } = reply
  if (Array.isArray(fds)) return fds.filter(one => typeof one === 'number' && one >= 0) as number[]
  return typeof fd === 'number' && fd >= 0 ? [fd] : []
}
