import { BlobDraft } from '../model.js'
import type { ObjectDraft } from '../model.js'
import { dtypeNamed } from '../tensor/dtype.js'
import type { Dtype } from '../tensor/dtype.js'
import { describeTensor } from '../tensor/tensor.js'

/** The integers 0 … length - 1 as a tensor of int64. */
export function rangeTensor(length: number): ObjectDraft {
  const buffer = new BlobDraft(8 * length, target => {
    const aligned = target.byteOffset % 4 === 0
    const halves = aligned
      ? new Int32Array(target.buffer, target.byteOffset, 2 * length)
      : new Int32Array(2 * length)
    for (let i = 0; i < length; i += 1) {
      halves[2 * i] = i
      halves[2 * i + 1] = 0
    }
    if (!aligned) target.set(new Uint8Array(halves.buffer))
  })
  return describeTensor(dtypeNamed('int64') as Dtype, buffer, { shape: [length] })
}
