import type { RecordBatch } from 'apache-arrow'
import { BySchema } from '../objects/arrow/by-schema.js'
import type { BlobDraft } from '../objects/model.js'
import { ipcDraft } from './ipc-draft.js'
import { IpcLayout } from './ipc-layout.js'

/** The batches of a writer as Arrow IPC streams. */
export class IpcDrafts {
  readonly #layouts = new BySchema((batch, types) => IpcLayout.of(batch.schema, types))

  /** Throws ERR_VINEYARD_TYPE for a batch that cannot be stored. */
  of(batch: RecordBatch): BlobDraft {
    return this.laidOut(batch) ?? ipcDraft(batch)
  }

  /** Undefined where apache-arrow has to encode the batch. */
  laidOut(batch: RecordBatch): BlobDraft | undefined {
    const { metadata } = batch as { metadata?: ReadonlyMap<string, string> }
    // Metadata of the batch itself stand in front of its body, too.
    if (metadata !== undefined && metadata.size > 0) return undefined
    return this.#layouts.of(batch)?.draft(batch)
  }
}
