/**
 * Pickles that this package writes: a fixed program around bytes, which Python runs when it reads the object,
 * and which is recognised here byte by byte, without running anything.
 */

/** What is in the envelope begins at a multiple of this, so that arrays in it are aligned within the blob. */
const alignment = 64
/** BINBYTES8, and the length in 8 bytes. */
const binBytes8 = 0x8e
const bytesHeader = 9

/** Opcodes: GLOBAL (a callable), SHORT_BINUNICODE (a text). */
export function callable(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`)
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.of(0x8c, bytes.length), bytes])
}

/**
 * `operator.methodcaller(method, …)`, with the opcodes of an argument: calls the method of what it is called
 * with.
 */
export function methodCaller(method: string, argument?: Buffer): Buffer {
  const call = argument === undefined ? [Buffer.of(0x85, 0x52)] : [argument, Buffer.of(0x86, 0x52)]
  return Buffer.concat([callable('operator', 'methodcaller'), text(method), ...call])
}

/** TUPLE1 and REDUCE: calls the callable below with what is on top of the stack. */
export const call = Buffer.of(0x85, 0x52)

export class PickleEnvelope {
  readonly #prefix: Buffer
  readonly #suffix: Buffer

  /** `before` and `after` are the opcodes around the bytes; what they leave on the stack is the value. */
  constructor(before: readonly Buffer[], after: readonly Buffer[]) {
    const protocol = Buffer.of(0x80, 0x05)
    const program = Buffer.concat([...before])
    // A text that is dropped at once (BINUNICODE … POP) fills up to the alignment.
    const unpadded = protocol.length + 6 + program.length + bytesHeader
    const padding = Buffer.alloc((alignment - (unpadded % alignment)) % alignment, ' ')
    const length = Buffer.alloc(4)
    length.writeUInt32LE(padding.length)
    this.#prefix = Buffer.concat([protocol, Buffer.from('X'), length, padding, Buffer.from('0'), program])
    this.#suffix = Buffer.concat([...after, Buffer.from('.')])
  }

  /** Bytes of the pickle of `length` bytes. */
  sizeFor(length: number): number {
    return this.#prefix.length + bytesHeader + length + this.#suffix.length
  }

  /** Writes the pickle of `length` bytes, which `fill` writes. */
  write(target: Uint8Array, length: number, fill: (content: Uint8Array) => void): void {
    const start = this.#prefix.length
    target.set(this.#prefix)
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
    view.setUint8(start, binBytes8)
    view.setBigUint64(start + 1, BigInt(length), true)
    if (length > 0) fill(target.subarray(start + bytesHeader, start + bytesHeader + length))
    target.set(this.#suffix, start + bytesHeader + length)
  }

  /** The bytes in a pickle that is exactly this one; undefined for any other. */
  within(bytes: Uint8Array): Uint8Array | undefined {
    const pickle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const start = this.#prefix.length + bytesHeader
    const end = pickle.length - this.#suffix.length
    if (end < start || !pickle.subarray(0, this.#prefix.length).equals(this.#prefix)) return undefined
    if (pickle[this.#prefix.length] !== binBytes8) return undefined
    if (pickle.readBigUInt64LE(this.#prefix.length + 1) !== BigInt(end - start)) return undefined
    return pickle.subarray(end).equals(this.#suffix) ? bytes.subarray(start, end) : undefined
  }
}
