import type { Readable } from 'node:stream'
import type { RecordBatch } from 'apache-arrow'
import { Table, tableFromIPC, tableToIPC } from 'apache-arrow'

/** The part of parquet-wasm that is used. */
interface ParquetWasm {
  readParquet: (file: Uint8Array) => { intoIPCStream(): Uint8Array }
  writeParquet: (table: unknown) => Uint8Array
  Table: { fromIPCStream(bytes: Uint8Array): unknown }
}

/** It is large and most do not need it, so it is not among the dependencies. */
async function load(): Promise<ParquetWasm> {
  const name = 'parquet-wasm'
  try {
    return (await import(name)) as ParquetWasm
  } catch (cause) {
    throw new Error('parquet needs the package parquet-wasm: npm install parquet-wasm', { cause })
  }
}

/** The batches of a parquet file, which has to be in memory as a whole. */
export async function* readParquet(source: Readable): AsyncGenerator<RecordBatch> {
  const { readParquet } = await load()
  const file = Buffer.concat((await source.toArray()) as Buffer[])
  yield* tableFromIPC(readParquet(file).intoIPCStream()).batches
}

export async function writeParquet(batches: readonly RecordBatch[]): Promise<Uint8Array> {
  const { writeParquet, Table: WasmTable } = await load()
  return writeParquet(WasmTable.fromIPCStream(tableToIPC(new Table([...batches]), 'stream')))
}
