/** A frame of the protocol, with a length that may be a lie. */
export function frame(body: string | Uint8Array, length?: bigint): Buffer {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(8)
  header.writeBigUInt64LE(length ?? BigInt(bytes.length))
  return Buffer.concat([header, bytes])
}
