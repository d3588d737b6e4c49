import { native } from '../native.js'
import { LeaseHandle, type HandleOwner } from './lease.js'

/**
 * Memory of this process that takes the place of a lease: chunks too small to be worth a view of shared memory. Releasing
 * ends the access to it all the same, so that a chunk behaves alike whatever its size.
 */
export class CopiedMemory implements HandleOwner {
  readonly #buffer: ArrayBuffer
  #handles = 0

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer
  }

  handle(): LeaseHandle {
    this.#handles += 1
    return new LeaseHandle(this)
  }

  dropHandle(): void {
    this.#handles -= 1
    if (this.#handles === 0) native.detachOwn(this.#buffer)
  }
}
