import { Field, Schema } from 'apache-arrow'
import type { Data, RecordBatch } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import type { LeaseHandle } from '../../memory/lease.js'
import { call, callable, methodCaller, PickleEnvelope } from '../basic/pickle-envelope.js'
import { metadataError } from '../fields.js'
import { BlobDraft, ObjectDraft } from '../model.js'
import type { Draft, Metadata } from '../model.js'
import { typeName } from './any-type.js'
import { readIpc, writeIpc } from './ipc.js'
import { IpcError } from './ipc-error.js'
import { ownData } from './own-types.js'
import { RowBatch } from './row-batch.js'

/**
 * An Arrow array as a pickle that Python's own reader turns into a pyarrow array. It says
 * `pyarrow.ipc.open_stream(<bytes>).read_next_batch().column(0)`, or `read_all()` for an array in several
 * chunks; the bytes are an Arrow IPC stream, which is all that is looked at here.
 */
function envelope(readMethod: string): PickleEnvelope {
  const column = methodCaller('column', Buffer.of(0x4b, 0))
  return new PickleEnvelope(
    [column, methodCaller(readMethod), callable('pyarrow.ipc', 'open_stream')],
    [call, call, call]
  )
}

const single = envelope('read_next_batch')
const chunked = envelope('read_all')

/**
 * The chunks of the array in a pickle of this package, or undefined for any other pickle. Throws
 * ERR_VINEYARD_METADATA where the IPC stream in it is damaged.
 */
export function readPickledArrow(
  meta: Metadata,
  bytes: Uint8Array,
  handle: LeaseHandle | undefined
): Data[] | undefined {
  const ipc = single.within(bytes) ?? chunked.within(bytes)
  if (ipc === undefined) return undefined
  try {
    const batches = readIpc(ipc, () => handle)
    if (batches.length === 0 || batches.some(batch => batch.numCols !== 1)) {
      throw new IpcError('an Arrow stream with one column was expected')
    }
    return batches.map(batch => batch.data.children[0] as Data)
  } catch (cause) {
    throw metadataError(meta, (cause as Error).message, cause)
  }
}

/** The draft of an array of any type that apache-arrow can encode. Throws ERR_VINEYARD_TYPE for others. */
export function describePickledArrow(chunks: readonly Data[]): Draft {
  const pickle = chunks.length === 1 ? single : chunked
  const ipc = encode(chunks)
  const size = pickle.sizeFor(ipc.byteLength)
  const buffer = new BlobDraft(size, target =>
    pickle.write(target, ipc.byteLength, content => content.set(ipc))
  )
  return new ObjectDraft('vineyard::PickleBuffer', { size_: size, nbytes: size }, { buffer_: buffer })
}

function encode(chunks: readonly Data[]): Uint8Array {
  try {
    const own = chunks.map(ownData)
    const schema = new Schema([new Field('', (own[0] as Data).type, true)])
    const batches: RecordBatch[] = own.map(
      data => new RowBatch(schema, schema.fields, [data], data.length, undefined)
    )
    return writeIpc(batches)
  } catch (cause) {
    if (cause instanceof VineyardError) throw cause
    const type = typeName(chunks[0]?.type)
    throw new VineyardError('ERR_VINEYARD_TYPE', `the Arrow type ${type} cannot be stored`, { cause })
  }
}
