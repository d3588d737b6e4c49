import type { Connection } from '../client/connection.js'
import { label } from '../client/requests/metadata.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'
import { labelText, type Labels } from './labels.js'
import { createNotes } from './notes-object.js'
import type { ProducerNotes, Unpushed } from './producer-notes.js'

/** `<number of the chunk, or nothing>:<ids>`, ids separated by spaces and chunks by semicolons. */
const unpushedLabel = 'vineyard_streams.unpushed'

/**
 * Notes in a label. It costs a vineyardd as much as all the rest that is done for a chunk of bytes: for producers that
 * share no memory with it, or found none.
 */
export class LabelledNotes implements ProducerNotes {
  readonly ids: readonly [ObjectId]
  readonly #connection: Connection
  readonly #unpushed: Unpushed = new Map()

  private constructor(connection: Connection, id: ObjectId) {
    this.#connection = connection
    this.ids = [id]
  }

  static async create(connection: Connection, stream: ObjectId): Promise<LabelledNotes> {
    return new LabelledNotes(connection, await createNotes(connection, stream))
  }

  add(blobs: readonly ObjectId[], chunk: number | undefined): void {
    for (const blob of blobs) this.#unpushed.set(blob, chunk)
    // It goes out before anything that is done with them; the answer tells nothing.
    label(this.#connection, this.ids[0], { [unpushedLabel]: format(this.#unpushed) }).catch(() => {})
  }

  pushing(): void {
    // Of a chunk that is queued nothing is noted: that would be a further request for each.
  }

  pushed(parts: readonly ObjectId[]): void {
    this.remove(parts)
  }

  remove(parts: readonly ObjectId[]): void {
    for (const part of parts) this.#unpushed.delete(part)
  }

  close(): Promise<readonly ObjectId[]> {
    return Promise.resolve(this.ids)
  }

  /** What the labels of an object of notes say. What is no such text counts as none. */
  static read(labels: Labels): Unpushed {
    const unpushed: Unpushed = new Map()
    for (const chunk of (labelText(labels, unpushedLabel) ?? '').split(';')) {
      const [, number = '', blobs = ''] = /^([0-9]*):(.*)$/.exec(chunk) ?? []
      for (const blob of blobs.split(' ').filter(isObjectId))
        unpushed.set(blob, number === '' ? undefined : Number(number))
    }
    return unpushed
  }
}

function format(blobs: Unpushed): string {
  const chunks = new Map<number | undefined, ObjectId[]>()
  for (const [blob, chunk] of blobs) chunks.set(chunk, [...(chunks.get(chunk) ?? []), blob])
  return [...chunks].map(([chunk, ids]) => `${chunk ?? ''}:${ids.join(' ')}`).join(';')
}
