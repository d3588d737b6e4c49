import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import {
  Bool,
  Float64,
  Int64,
  RecordBatch,
  tableFromIPC,
  Utf8,
  vectorFromArray,
  type DataType,
  type Vector
} from 'apache-arrow'
import { parse } from 'csv-parse'
import type { Job } from './messages.js'

/** The package exports its code only; the data files lie beside the folder of it. */
const dataFolder = new URL('../data/', import.meta.resolve('vega-datasets'))
const flightRowsPerChunk = 5_000
const weatherRowsPerChunk = 250
const seedFrames = 10
const seedRows = 2

/** The batches of one of the demo's data sets, made as they are asked for. */
export function batches(data: Job['data']): AsyncGenerator<RecordBatch> {
  return { seed: seedBatches, flights: flightBatches, weather: weatherBatches }[data]()
}

/** How many rows a data set has, for the progress. */
export const rowCounts: Record<Job['data'], number> = {
  seed: seedFrames * seedRows,
  flights: 200_000,
  weather: 2_922
}

function batchOf(columns: Record<string, Vector>): RecordBatch {
  return new RecordBatch(
    Object.fromEntries(Object.entries(columns).map(([name, vector]) => [name, vector.data[0]!]))
  )
}

/** The seed page's data frames: an int, a float and a bool column of random numbers. */
async function* seedBatches(): AsyncGenerator<RecordBatch> {
  for (let frame = 0; frame < seedFrames; frame += 1) {
    const random = (): number[] => Array.from({ length: seedRows }, () => Math.random())
    yield batchOf({
      a: vectorFromArray(
        random().map(value => BigInt(Math.floor(value * 1000))),
        new Int64()
      ),
      b: vectorFromArray(random(), new Float64()),
      c: vectorFromArray(
        random().map(value => value < 0.5),
        new Bool()
      )
    })
  }
}

/** An Arrow file with one batch of 200,000 rows, in slices. */
async function* flightBatches(): AsyncGenerator<RecordBatch> {
  const table = tableFromIPC(await readFile(new URL('flights-200k.arrow', dataFolder)))
  for (const batch of table.batches) {
    for (let row = 0; row < batch.numRows; row += flightRowsPerChunk) {
      yield batch.slice(row, row + flightRowsPerChunk)
    }
  }
}

const weatherTypes: Record<string, DataType> = {
  location: new Utf8(),
  date: new Utf8(),
  precipitation: new Float64(),
  temp_max: new Float64(),
  temp_min: new Float64(),
  wind: new Float64(),
  weather: new Utf8()
}

/** A CSV file with numbers and text, parsed as it is read. */
async function* weatherBatches(): AsyncGenerator<RecordBatch> {
  const rows = pipeline(
    createReadStream(new URL('weather.csv', dataFolder)),
    parse({ columns: true }),
    () => {}
  )
  let gathered: Record<string, string>[] = []
  for await (const row of rows) {
    gathered.push(row as Record<string, string>)
    if (gathered.length === weatherRowsPerChunk) {
      yield weatherBatch(gathered)
      gathered = []
    }
  }
  if (gathered.length > 0) yield weatherBatch(gathered)
}

function weatherBatch(rows: Record<string, string>[]): RecordBatch {
  return batchOf(
    Object.fromEntries(
      Object.entries(weatherTypes).map(([name, type]) => {
        const texts = rows.map(row => row[name] ?? '')
        return [
          name,
          type instanceof Float64 ? vectorFromArray(texts.map(Number), type) : vectorFromArray(texts, type)
        ]
      })
    )
  )
}
