/**
 * A memory file read and written as a file: how its bytes are reached where the runtime forbids external ArrayBuffers
 * (Electron), so that nothing can look at the mapping itself.
 */
import { readSync, writeSync } from 'node:fs'

/** Node takes no more at once. */
const largest = 2 ** 30

/** A copy of the bytes at `offset`. */
export function readMemoryFile(fd: number, offset: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size;) {
    const read = readSync(fd, bytes, at, Math.min(size - at, largest), offset + at)
    // The file cannot shrink: its end is a mistake of whoever calls.
    if (read === 0) throw new RangeError(`a memory file has no byte ${offset + at}`)
    at += read
  }
  return bytes
}

export function writeMemoryFile(fd: number, offset: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(fd, bytes, at, Math.min(bytes.length - at, largest), offset + at)
  }
}
