import { ByteStream, connect } from 'vineyard-streams'
import { distinctChunks } from '../data/batches.js'
import type { NodeEnds } from '../model.js'
import { underWay, writerAndReader, type StreamAddress } from './store.js'

/**
 * Memory of the store is taken, marked with the number of the chunk and appended. What else a program would write into it
 * is not measured, as the rival's batches are made before they are measured too.
 */
export const inPlace: NodeEnds<StreamAddress> = {
  async send({ server, stream }, _chunks, work) {
    const writer = await (await ByteStream.open(await connect(server), stream)).openWriter()
    const distinct = distinctChunks(work)
    const appends: Promise<unknown>[] = []
    for (let number = 0; ; number += 1) {
      const memory = await writer.allocate(work.size)
      memory.writeUInt32LE(number % distinct)
      appends.push(writer.append(memory))
      if (appends.length === underWay) await appends.shift()
    }
  },

  receive: writerAndReader.receive
}
