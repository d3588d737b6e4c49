import { RecordBatchStreamWriter, type RecordBatch } from 'apache-arrow'
import { ipcBatch } from '../objects/arrow/ipc-batch.js'
import { BlobDraft } from '../objects/model.js'

/** Collects the pieces of an Arrow IPC stream instead of joining them: column buffers stay views of the batch. */
export class PieceWriter extends RecordBatchStreamWriter {
  readonly pieces: Uint8Array[] = []
  size = 0

  protected override _write(chunk: ArrayBufferView): this {
    if (!this._started || chunk.byteLength === 0) return this
    this.pieces.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this.size += chunk.byteLength
    this._position += chunk.byteLength
    return this
  }
}

/**
 * A blob with a complete Arrow IPC stream of one batch: schema, dictionaries, the batch, end marker. Only one, because
 * the Python reader loses a second. The pieces are copied once, straight into shared memory.
 */
export function ipcDraft(batch: RecordBatch): BlobDraft {
  const writer = new PieceWriter()
  writer.write(ipcBatch(batch))
  writer.finish()
  return new BlobDraft(writer.size, target => joinInto(target, writer.pieces))
}

/** Writes pieces one behind the other. */
export function joinInto(target: Uint8Array, pieces: readonly Uint8Array[]): void {
  let at = 0
  for (const piece of pieces) {
    target.set(piece, at)
    at += piece.length
  }
}
