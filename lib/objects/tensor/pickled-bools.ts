import { Bool } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { bit, bitmapOf } from '../arrow/bitmap.js'
import { makeColumn } from '../arrow/leased-data.js'
import { BlobDraft, ObjectDraft } from '../model.js'

/**
 * Booleans with nulls as pandas has them: an array of the objects True, False and None. It is the pickle of
 * `numpy.array([…], 'O')`, which has one byte for each element, and is recognised here without running
 * anything.
 */
const prefix = Buffer.from('\x80\x05cnumpy\narray\n](', 'latin1')
const suffix = Buffer.from('e\x8c\x01O\x86R.', 'latin1')
const opcode = { true: 0x88, false: 0x89, none: 0x4e }

export function describePickledBools(chunks: readonly Data[]): ObjectDraft {
  const rows = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const buffer = new BlobDraft(prefix.length + rows + suffix.length, target => {
    target.set(prefix)
    let at = prefix.length
    for (const chunk of chunks) {
      for (let i = 0; i < chunk.length; i += 1) {
        const set = chunk.getValid(i) && bit(chunk.values as Uint8Array, chunk.offset + i)
        target[at] = chunk.getValid(i) ? (set ? opcode.true : opcode.false) : opcode.none
        at += 1
      }
    }
    target.set(suffix, at)
  })
  return new ObjectDraft(
    'vineyard::Tensor<object>',
    {
      value_type_: 'object',
      value_type_meta_: '|O',
      shape_: `[${rows}]`,
      partition_index_: '[]',
      order_: '"C"',
      nbytes: 8 * rows
    },
    { buffer_: buffer }
  )
}

/** The booleans in such a pickle, or undefined for any other. */
export function readPickledBools(
  bytes: Uint8Array,
  length: number,
  handle: LeaseHandle | undefined
): Data | undefined {
  const pickle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = prefix.length + length
  if (pickle.length < end + suffix.length) return undefined
  if (!pickle.subarray(0, prefix.length).equals(prefix)) return undefined
  if (!pickle.subarray(end, end + suffix.length).equals(suffix)) return undefined
  const elements = pickle.subarray(prefix.length, end)
  const known = Object.values(opcode)
  if (!elements.every(element => known.includes(element))) return undefined
  return makeColumn(handle, {
    type: new Bool(),
    length,
    nullCount: elements.reduce((nulls, element) => nulls + Number(element === opcode.none), 0),
    buffers: [
      undefined,
      bitmapOf(length, i => elements[i] === opcode.true),
      bitmapOf(length, i => elements[i] !== opcode.none)
    ]
  })
}
